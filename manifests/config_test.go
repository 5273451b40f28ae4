package manifests

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Masterminds/semver/v3"
	"github.com/google/go-cmp/cmp"
)

func pattern(t testing.TB, text string) Pattern {
	t.Helper()
	p, err := ParsePattern(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func constraint(t testing.TB, text string) Constraint {
	t.Helper()
	c, err := ParseConstraint(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConfigHoldsEveryKeyOfItsFile(t *testing.T) {
	got, err := ParseConfig("/srv/postern/postern.toml", []byte(readTestdata(t, "config.toml")))
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Dir:  "/srv/postern",
		Host: Host{Plugins: "installed", Lock: "/etc/postern/postern.lock", Audit: "log/audit.jsonl", Blobs: "cache/blobs", State: "kept", Keep: 48 * time.Hour, Cache: "/var/cache/postern"},
		Fleet: Fleet{
			Servers: []string{"tls://nats-1.example:4222", "tls://nats-2.example:4222"}, Stream: "TRIGGERS", Replicas: 3,
			Credentials: Source{file: "fleet.creds"}, CAFile: "nats.pem", Lease: 20 * time.Second,
		},
		Connections: []Connection{{
			Name:         "contoso",
			Tenant:       "contoso.onmicrosoft.com",
			ClientID:     "11111111-2222-3333-4444-555555555555",
			Auth:         AuthSecret,
			ClientSecret: Source{file: "client-secret"},
			Cloud:        CloudGlobal,
			Graph:        "https://graph.microsoft.us",
			Authority:    "https://login.microsoftonline.us",
			CAFile:       "ca.pem",
			Rate:         Rate{100, time.Minute},

			UploadHosts:   []string{"outlook.office365.us", "*.outlook.example", "localhost:8443"},
			RetryCount:    5,
			RetryWaitTime: 90 * time.Second,

			Proxy:            "http://proxy.example:8080",
			ProxyCredentials: Source{file: "proxy-password"},
		}, {
			Name:         "lab",
			Tenant:       "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
			ClientID:     "11111111-2222-3333-4444-555555555555",
			Auth:         AuthSecret,
			ClientSecret: Source{env: "LAB_SECRET"},
			Cloud:        CloudGlobal,
			Graph:        DefaultGraph,
			Authority:    DefaultAuthority,

			UploadHosts:   DefaultUploadHosts(),
			RetryCount:    DefaultRetryCount,
			RetryWaitTime: DefaultRetryWaitTime,
		}},
		Grants: []Grant{{
			Name:         "mail",
			Plugin:       "mail",
			Version:      constraint(t, "^1"),
			Connections:  []string{"contoso", "lab"},
			Capabilities: []string{"mail.read"},
			Actions:      []string{"mail.get"},
			Only: Only{
				Params:        map[string][]Pattern{"user": {pattern(t, "soc@contoso.com"), pattern(t, "*@phish.contoso.com")}},
				Recipients:    []Pattern{pattern(t, "*@contoso.com")},
				RecipientsSet: true,
			},
			Limits: Limits{Memory: 16 << 20, Fuel: 1_000_000_000, Timeout: 30 * time.Second, Exchanges: 100},
			Rate:   Rate{30, time.Minute},
		}, {
			Name:         "send",
			Plugin:       "mail",
			Version:      constraint(t, ">=1.2, <2"),
			Connections:  []string{"lab"},
			Capabilities: []string{"mail.send"},
			Actions:      []string{"mail.send"},
			Only: Only{RecipientsSet: true, Hold: []Hold{
				{text: "external"}, {"*@fabrikam.com", pattern(t, "*@fabrikam.com")}, {text: "mail.send"},
			}},
			Sends:              Rate{30, time.Hour},
			ExternalRecipients: ptr(2),
			Internal:           []Pattern{pattern(t, "*@contoso.com")},
			Mark:               true,
			Beta:               true,
		}},
		Triggers: []Trigger{{
			Name:       "soc-inbox",
			Action:     "mail.poll",
			Connection: "contoso",
			Every:      90 * time.Second,
			Sinks:      []string{"siem", "bus", "archive", "log"},
			Retain:     2000 * time.Hour,
			Notify:     true,
			Parameters: map[string]any{
				"email_address": "soc@contoso.com", "folder": "Inbox", "extract_urls": true, "first_run_max_emails": int64(500), "labels": []any{"a", "b"},
			},
		}, {
			Name:       "sweep",
			Action:     "mail.poll",
			Connection: "lab",
			Retain:     DefaultRetain,
		}},
		Sinks: []Sink{{
			Name: "archive", Kind: SinkDirectory, Path: "records", InDoubt: InDoubtPark, Timeout: DefaultSinkTimeout, Settle: DefaultSettle, Rotate: DefaultRotate,
		}, {
			Name: "bus", Kind: SinkNATS, URL: "tls://nats.example:4222", Stream: "POSTERN", Subject: "postern.soc-inbox",
			Credentials: Source{file: "nats.creds"}, InDoubt: InDoubtPark, Timeout: DefaultSinkTimeout, Settle: DefaultSettle, Rotate: DefaultRotate,
		}, {
			Name: "log", Kind: SinkJSONLines, Path: "records.jsonl", Rotate: 200 << 20, Files: 10, InDoubt: InDoubtPark, Timeout: DefaultSinkTimeout, Settle: DefaultSettle,
		}, {
			Name: "siem", Kind: SinkWebhook, URL: "https://siem.example:8443/postern?tenant=contoso", Secret: Source{env: "SIEM_SECRET"},
			InDoubt: InDoubtRepeat, Timeout: 10 * time.Second, Settle: 2 * time.Minute, CAFile: "siem.pem", Rotate: DefaultRotate,
		}},
		Notifications: Notifications{
			Listen: "127.0.0.1:8081", URL: "https://hooks.example/postern",
			Certificate: Source{file: "hooks.pem"}, PrivateKey: Source{file: "hooks.key"},
		},
	}
	if diff := cmp.Diff(want, got, compareConfigs); diff != "" {
		t.Errorf("ParseConfig (-want +got):\n%s", diff)
	}
}

func TestConfigFindsByName(t *testing.T) {
	c, err := ParseConfig("/srv/postern/postern.toml", []byte(readTestdata(t, "config.toml")))
	if err != nil {
		t.Fatal(err)
	}
	if connection, ok := c.Connection("lab"); !ok || connection.Name != "lab" {
		t.Errorf("Connection(lab) = %v, %t", connection, ok)
	}
	if _, ok := c.Connection("Lab"); ok {
		t.Error("Connection(Lab) was found")
	}
	if g, ok := c.Grant("lab", "mail.send"); !ok || g.Name != "send" {
		t.Errorf("Grant(lab, mail.send) = %v, %t", g, ok)
	}
	if _, ok := c.Grant("contoso", "mail.send"); ok {
		t.Error("mail.send is granted on contoso, which nobody wrote")
	}
	if trigger, ok := c.Trigger("sweep"); !ok || trigger.Connection != "lab" {
		t.Errorf("Trigger(sweep) = %v, %t", trigger, ok)
	}
	if _, ok := c.Trigger("mail.poll"); ok {
		t.Error("Trigger(mail.poll) was found")
	}
	if sink, ok := c.Sink("log"); !ok || sink.Kind != SinkJSONLines {
		t.Errorf("Sink(log) = %v, %t", sink, ok)
	}
	if _, ok := c.Sink("Log"); ok {
		t.Error("Sink(Log) was found")
	}
	got := []string{c.PluginsDir(), c.LockFile(), c.AuditFile(), c.BlobsDir(), c.StateDir(), c.CacheDir()}
	want := []string{"/srv/postern/installed", "/etc/postern/postern.lock", "/srv/postern/log/audit.jsonl", "/srv/postern/cache/blobs", "/srv/postern/kept", "/var/cache/postern"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("full paths (-want +got):\n%s", diff)
	}
}

func TestEmptyConfigGrantsNothing(t *testing.T) {
	c, err := ParseConfig("postern.toml", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{Dir: ".", Host: Host{Plugins: "plugins", Lock: "postern.lock", Audit: "audit.jsonl", Blobs: "blobs", State: "state", Keep: DefaultKeep, Cache: "cache"}}
	if diff := cmp.Diff(want, c, compareConfigs); diff != "" {
		t.Errorf("ParseConfig (-want +got):\n%s", diff)
	}
}

func TestConfigIsRefused(t *testing.T) {
	tests := []struct{ name, old, new string }{
		{"unknown key", `rate = "100/60s"`, `rates = "100/60s"`},
		{"unknown key of a grant", `version = "^1"`, "version = \"^1\"\nconnection = [\"lab\"]"},
		{"unknown table", "[host]", "[hosts]"},
		{"empty path", `plugins = "installed"`, `plugins = ""`},
		{"tenant that is many", `tenant = "contoso.onmicrosoft.com"`, `tenant = "common"`},
		{"tenant that is no domain", `tenant = "contoso.onmicrosoft.com"`, `tenant = "contoso/onmicrosoft.com"`},
		{"no tenant", "tenant = \"contoso.onmicrosoft.com\"\n", ""},
		{"client id that is a name", `"11111111-2222-3333-4444-555555555555"`, `"postern"`},
		{"certificate without its place", `auth = "secret"`, `auth = "certificate"`},
		{"unknown auth", `auth = "secret"`, `auth = "password"`},
		{"inline secret", `client_secret = { file = "client-secret" }`, `client_secret = "Zm9vYmFyLXZlcnktc2VjcmV0"`},
		{"inline secret without quotes", `client_secret = { file = "client-secret" }`, `client_secret = Zm9vYmFyLXZlcnktc2VjcmV0`},
		{"inline secret in a table", `client_secret = { file = "client-secret" }`, `client_secret = { value = "Zm9vYmFyLXZlcnktc2VjcmV0" }`},
		{"secret as a variable's name", `{ env = "LAB_SECRET" }`, `{ env = "Zm9v~YmFy" }`},
		{"two places of a secret", `{ env = "LAB_SECRET" }`, `{ env = "LAB_SECRET", file = "lab" }`},
		{"no place of a secret", `{ env = "LAB_SECRET" }`, `{}`},
		{"no secret", "client_secret = { env = \"LAB_SECRET\" }\n", ""},
		{"http", `"https://graph.microsoft.us"`, `"http://graph.microsoft.us"`},
		{"origin with a path", `"https://graph.microsoft.us"`, `"https://graph.microsoft.us/v1.0"`},
		{"origin with a final slash", `"https://graph.microsoft.us"`, `"https://graph.microsoft.us/"`},
		{"origin with a user", `"https://graph.microsoft.us"`, `"https://graph.microsoft.com@evil.example"`},
		{"origin with a query", `"https://graph.microsoft.us"`, `"https://graph.microsoft.us?x"`},
		{"origin in capitals", `"https://graph.microsoft.us"`, `"https://Graph.microsoft.us"`},
		{"origin with a port of zero", `"https://graph.microsoft.us"`, `"https://graph.microsoft.us:0"`},
		{"origin without a host", `"https://graph.microsoft.us"`, `"https://"`},
		{"rate without a time", `"100/60s"`, `"100"`},
		{"rate of none", `"100/60s"`, `"0/60s"`},
		{"rate in too short a time", `"100/60s"`, `"100/1ms"`},
		{"upload host with a path", `"localhost:8443"`, `"localhost/x"`},
		{"upload host that is any", `"*.outlook.example"`, `"*"`},
		{"upload host below a top-level domain", `"*.outlook.example"`, `"*.example"`},
		{"upload host in capitals", `"localhost:8443"`, `"Localhost"`},
		{"no attempt at all", "retry_count = 5", "retry_count = 0"},
		{"too many attempts", "retry_count = 5", "retry_count = 11"},
		{"too long a wait", `"90s"`, `"11m"`},
		{"proxy with a password", `"http://proxy.example:8080"`, `"http://soc:Zm9vYmFyLXZlcnktc2VjcmV0@proxy.example:8080"`},
		{"proxy of another kind", `"http://proxy.example:8080"`, `"socks5://proxy.example:1080"`},
		{"proxy with a path", `"http://proxy.example:8080"`, `"http://proxy.example:8080/x"`},
		{"proxy without a scheme", `"http://proxy.example:8080"`, `"proxy.example:8080"`},
		{"inline password of the proxy", `{ file = "proxy-password" }`, `"soc:Zm9vYmFyLXZlcnktc2VjcmV0"`},
		{"password of the proxy from nobody", `{ file = "proxy-password" }`, `{ provider = "vault" }`},
		{"password without a proxy", `proxy = "http://proxy.example:8080"`, ``},
		{"password beside the environment's", `"http://proxy.example:8080"`, `"environment"`},
		{"name of a connection", "[connection.lab]", "[connection.Lab]"},
		{"grant that is no plugin's name", "[grant.send]\nplugin = \"mail\"", "[grant.send_mail]"},
		{"no version", "version = \"^1\"\n", ""},
		{"version that is none", `version = "^1"`, `version = "^x"`},
		{"version that is any", `version = "^1"`, `version = "^1 || *"`},
		{"empty version", `version = "^1"`, `version = " "`},
		{"no connections", "connections = [\"lab\"]\n", ""},
		{"empty actions", `actions = ["mail.get"]`, `actions = []`},
		{"one name in place of a list", `actions = ["mail.get"]`, `actions = "mail.get"`},
		{"number in a list", `actions = ["mail.get"]`, `actions = ["mail.get", 1]`},
		{"connection that is not there", `connections = ["lab"]`, `connections = ["labs"]`},
		{"action granted twice", `actions = ["mail.send"]`, `actions = ["mail.send", "mail.get"]`},
		{"collection in place of a parameter", `user = [`, `users = [`},
		{"parameter in capitals", `user = [`, `User = [`},
		{"constraint that allows nothing", `user = ["soc@contoso.com", "*@phish.contoso.com"]`, `user = []`},
		{"pattern with a star inside", `"*@phish.contoso.com"`, `"soc*@contoso.com"`},
		{"pattern of everything", `"*@phish.contoso.com"`, `"*"`},
		{"pattern of every domain", `"*@phish.contoso.com"`, `"*@*"`},
		{"pattern of a part of a domain", `"*@phish.contoso.com"`, `"*@*.contoso.com"`},
		{"pattern twice", `"*@phish.contoso.com"`, `"soc@contoso.com"`},
		{"limit above the bound", `memory = "16MiB"`, `memory = "1GiB"`},
		{"unknown limit", `exchanges = 100`, `requests = 100`},
		{"more sends than are remembered", `sends = "30/1h"`, `sends = "10001/1h"`},
		{"external recipients without internal", `internal = ["*@contoso.com"]`, ``},
		{"negative external recipients", "external_recipients = 2", "external_recipients = -1"},
		{"hold of an action of another grant", `"mail.send"]
[grant.send.limits]`, `"mail.get"]
[grant.send.limits]`},
		{"hold of a word", `hold = ["external"`, `hold = ["External"`},
		{"no connection at all", "[connection.", "[host."},
		{"origin that is no URL", `"https://graph.microsoft.us"`, `"https://graph microsoft.us"`},
		{"list of secrets", `{ env = "LAB_SECRET" }`, `[1]`},
		{"grants as a list", "[grant.mail]", "[[grant.mail]]"},
		{"blobs that go before their records", `keep = "48h"`, `keep = "59m"`},
		{"trigger without action", "[trigger.sweep]\naction = \"mail.poll\"\n", "[trigger.sweep]\n"},
		{"trigger in capitals", `[trigger.sweep]`, `[trigger.Sweep]`},
		{"action of a trigger that is no id", "[trigger.sweep]\naction = \"mail.poll\"", "[trigger.sweep]\naction = \"poll\""},
		{"trigger on a connection that is not there", "action = \"mail.poll\"\nconnection = \"lab\"", "action = \"mail.poll\"\nconnection = \"labs\""},
		{"trigger without its connection", "action = \"mail.poll\"\nconnection = \"lab\"", "action = \"mail.poll\""},
		{"trigger that never rests", `every = "90s"`, `every = "999ms"`},
		{"keys that are forgotten at once", `retain = "2000h"`, `retain = "59m"`},
		{"keys that are never forgotten", `retain = "2000h"`, `retain = "9000h"`},
		{"sink that is not there", `sinks = ["siem", `, `sinks = ["siam", `},
		{"sink twice", `sinks = ["siem", `, `sinks = ["siem", "siem", `},
		{"unknown key of a trigger", `every = "90s"`, `interval = "90s"`},
		{"parameter that is a date", `folder = "Inbox"`, `start_time = 2026-11-21`},
		{"parameter that is beyond JSON", `first_run_max_emails = 500`, `first_run_max_emails = inf`},
		{"parameters as a list", `[trigger.soc-inbox.parameters]`, `[[trigger.soc-inbox.parameters]]`},
		{"sink by the name of standard output", "[sink.archive]", "[sink.stdout]"},
		{"unknown kind of sink", `kind = "webhook"`, `kind = "syslog"`},
		{"sink without kind", "kind = \"webhook\"\n", ""},
		{"key of another kind of sink", "kind = \"directory\"", "kind = \"directory\"\nin_doubt = \"park\""},
		{"unknown key of a sink", `path = "records"`, `folder = "records"`},
		{"webhook without secret", "secret = { env = \"SIEM_SECRET\" }\n", ""},
		{"secret of a webhook in the file", `secret = { env = "SIEM_SECRET" }`, `secret = "s3cret"`},
		{"webhook without protection", `"https://siem.example:8443/postern?tenant=contoso"`, `"http://siem.example/postern"`},
		{"webhook with a password", `"https://siem.example:8443/postern?tenant=contoso"`, `"https://user:word@siem.example/postern"`},
		{"webhook that is no address", `"https://siem.example:8443/postern?tenant=contoso"`, `"siem.example"`},
		{"in doubt, another word", `in_doubt = "repeat"`, `in_doubt = "drop"`},
		{"timeout of a sink", `timeout = "10s"`, `timeout = "10m"`},
		{"timeout of NATS", `stream = "POSTERN"`, "stream = \"POSTERN\"\ntimeout = \"1s\""},
		{"doubt that never settles", `settle = "2m"`, `settle = "61m"`},
		{"NATS with a path", `"tls://nats.example:4222"`, `"tls://nats.example:4222/x"`},
		{"NATS without protection", `"tls://nats.example:4222"`, `"nats://nats.example:4222"`},
		{"subject with a wildcard", `"postern.soc-inbox"`, `"postern.*"`},
		{"subject with an empty word", `"postern.soc-inbox"`, `"postern..soc"`},
		{"stream with a dot", `"POSTERN"`, `"POSTERN.SOC"`},
		{"NATS without stream", "stream = \"POSTERN\"\n", ""},
		{"rotated standard output", `path = "records.jsonl"`, `path = "-"`},
		{"directory that is standard output", `path = "records"`, `path = "-"`},
		{"small files", `rotate = "200MiB"`, `rotate = "1023KiB"`},
		{"fleet without servers", "servers = [\"tls://nats-1.example:4222\", \"tls://nats-2.example:4222\"]\n", ""},
		{"fleet of no server", `servers = ["tls://nats-1.example:4222", "tls://nats-2.example:4222"]`, `servers = []`},
		{"fleet with a password", `"tls://nats-1.example:4222", `, `"tls://user:word@nats-1.example:4222", `},
		{"fleet without protection", `"tls://nats-1.example:4222", `, `"nats://nats-1.example:4222", `},
		{"fleet of the same server twice", `"tls://nats-1.example:4222", `, `"tls://nats-2.example:4222", `},
		{"replicas that cannot agree", `replicas = 3`, `replicas = 2`},
		{"lease that ends at once", `lease = "20s"`, `lease = "2s"`},
		{"lease that never ends", `lease = "20s"`, `lease = "6m"`},
		{"credentials of a fleet in the file", `credentials = { file = "fleet.creds" }`, `credentials = "word"`},
		{"unknown key of a fleet", `replicas = 3`, `replica = 3`},
		{"stream of a fleet with a dot", `"TRIGGERS"`, `"TRIGGERS.SOC"`},
		{"notifications to nowhere", "[notifications]", "[provider.x]"},
		{"notifications without an address", "url = \"https://hooks.example/postern\"\n", ""},
		{"notifications over plain HTTP", `"https://hooks.example/postern"`, `"http://hooks.example/postern"`},
		{"notifications to an address with a query", `"https://hooks.example/postern"`, `"https://hooks.example/postern?key=1"`},
		{"notifications to an address with a password", `"https://hooks.example/postern"`, `"https://user:word@hooks.example/postern"`},
		{"receiver without a port", `"127.0.0.1:8081"`, `"127.0.0.1"`},
		{"receiver on any port", `"127.0.0.1:8081"`, `"127.0.0.1:0"`},
		{"receiver at an address that is none", `"127.0.0.1:8081"`, `"http://127.0.0.1:8081"`},
		{"key of a receiver without a certificate", "certificate = { file = \"hooks.pem\" }\n", ""},
		{"key of a receiver in the file", `{ file = "hooks.key" }`, `"key"`},
		{"unknown key of notifications", `listen = `, `address = `},
		{"provider of a receiver's key that is not there", `{ file = "hooks.key" }`, `{ provider = "vault" }`},
		{"provider of a sink that is not there", `secret = { env = "SIEM_SECRET" }`, `secret = { provider = "vault" }`},
	}
	checkRefusals(t, "refused-configs.txt", len(tests), func(i int) (string, error) {
		src := edit(t, readTestdata(t, "config.toml"), tests[i].old, tests[i].new)
		_, err := ParseConfig("postern.toml", []byte(src))
		return tests[i].name, err
	})
}

func TestNoErrorHoldsASecret(t *testing.T) {
	const canary = "Zm9vYmFyLXZlcnktc2VjcmV0"
	for _, line := range []string{
		`client_secret = "` + canary + `"`,
		`client_secret = ` + canary,
		`client_secret = "` + canary,
		`client_secret = """` + canary + `"""`,
		`client_secret = ["` + canary + `"]`,
		`client_secret = { value = "` + canary + `" }`,
		`client_secret = { env = "` + canary + `~" }`,
		`client_secret = { file = "a", file = "` + canary + `" }`,
		`client_secret = "\` + canary + `"`,
		`client_secret "` + canary + `"`,
		`client-secret = "` + canary + `"`,
	} {
		_, err := ParseConfig("postern.toml", []byte("[connection.contoso]\n"+line+"\n"))
		if err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: error = %v, want one without the secret", line, err)
		}
	}
}

func TestSourcesNameThePlaceOnly(t *testing.T) {
	for want, s := range map[string]Source{
		`file "a b"`:                     {file: "a b"},
		"environment variable CONTOSO_S": {env: "CONTOSO_S"},
		"nowhere":                        {},
	} {
		if got := fmt.Sprint(s); got != want {
			t.Errorf("%#v prints %q, want %q", s, got, want)
		}
	}
	file, isFile := Source{file: "a"}.File()
	_, isEnv := Source{file: "a"}.Env()
	if file != "a" || !isFile || isEnv {
		t.Errorf("a file source says file %q %t, env %t", file, isFile, isEnv)
	}
}

func TestBoundsOfAConfigHoldAtTheirLimit(t *testing.T) {
	base := "[connection.lab]\ntenant = \"a.example\"\nclient_id = \"11111111-2222-3333-4444-555555555555\"\nclient_secret = { env = \"LAB\" }\n"
	grant := func(i int) string {
		return fmt.Sprintf("[grant.g%d]\nversion = \"^1\"\nconnections = [\"lab\"]\ncapabilities = [\"a.b\"]\nactions = [\"a.b%d\"]\n", i, i)
	}
	repeat := func(n int, f func(int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(f(i))
		}
		return b.String()
	}
	tests := []struct {
		name  string
		limit int
		build func(int) string
	}{
		{"grants", MaxGrants, func(n int) string { return base + repeat(n, grant) }},
		{"patterns", MaxPatterns, func(n int) string {
			return base + grant(0) + "[grant.g0.only]\nuser = [\n" + repeat(n, func(i int) string { return fmt.Sprintf("\"u%d\",\n", i) }) + "]\n"
		}},
		{"constrained keys", MaxOnlyKeys, func(n int) string {
			return base + grant(0) + "[grant.g0.only]\n" + repeat(n, func(i int) string { return fmt.Sprintf("p%d = [\"x\"]\n", i) })
		}},
		{"pattern", MaxPattern, func(n int) string {
			return base + grant(0) + "[grant.g0.only]\nuser = [\"" + strings.Repeat("x", n) + "\"]\n"
		}},
		{"path", MaxPath, func(n int) string { return "[host]\nplugins = \"" + strings.Repeat("x", n) + "\"\n" }},
		{"triggers", MaxTriggers, func(n int) string {
			return base + repeat(n, func(i int) string { return fmt.Sprintf("[trigger.t%d]\naction = \"mail.poll\"\n", i) })
		}},
		{"sinks", MaxSinks, func(n int) string {
			return base + repeat(n, func(i int) string { return fmt.Sprintf("[sink.s%d]\nkind = \"jsonl\"\npath = \"-\"\n", i) })
		}},
		{"sinks of a trigger", MaxSinksOfTrigger, func(n int) string {
			var names []string
			tables := repeat(n, func(i int) string {
				names = append(names, fmt.Sprintf("%q", fmt.Sprintf("s%d", i)))
				return fmt.Sprintf("[sink.s%d]\nkind = \"jsonl\"\npath = \"-\"\n", i)
			})
			return base + tables + "[trigger.t]\naction = \"mail.poll\"\nsinks = [" + strings.Join(names, ", ") + "]\n"
		}},
		{"parameters of a trigger", MaxParameters, func(n int) string {
			return base + "[trigger.t]\naction = \"mail.poll\"\n[trigger.t.parameters]\n" + repeat(n, func(i int) string { return fmt.Sprintf("p%d = 1\n", i) })
		}},
		{"rate", MaxRateCount, func(n int) string { return base + fmt.Sprintf("rate = \"%d/1s\"\n", n) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := ParseConfig("postern.toml", []byte(test.build(test.limit))); err != nil {
				t.Errorf("at the limit of %d: %v", test.limit, err)
			}
			if _, err := ParseConfig("postern.toml", []byte(test.build(test.limit+1))); err == nil {
				t.Errorf("%d is accepted, the limit is %d", test.limit+1, test.limit)
			}
		})
	}
}

func TestCheckFindsWhatOnlyThePluginCanTell(t *testing.T) {
	p, err := ParsePlugin("plugin.toml", []byte(readTestdata(t, "plugin.toml")))
	if err != nil {
		t.Fatal(err)
	}
	src := readTestdata(t, "config.toml")
	c, err := ParseConfig("postern.toml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(p); err != nil {
		t.Errorf("Check of a right file: %v", err)
	}
	src = edit(t, src, `capabilities = ["mail.read"]`, `capabilities = ["mail.read", "mail.reed"]`)
	src = edit(t, src, `actions = ["mail.get"]`, `actions = ["mail.got"]`)
	src = edit(t, src, `user = [`, "event = [\"x\"]\nuser = [")
	if c, err = ParseConfig("postern.toml", []byte(src)); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, c.Check(p), `postern.toml:32: grant.mail.capabilities: mail 1.2.0 has no capability "mail.reed"; did you mean mail.read?
postern.toml:33: grant.mail.actions: mail 1.2.0 has no action "mail.got"; did you mean mail.get?
postern.toml:35: grant.mail.only.event: no granted request of mail 1.2.0 has the parameter {event}, so the constraint would do nothing; constrain one of: message, user`)
	p.Version = semver.MustParse("2.0.0")
	if err := c.Check(p); err != nil {
		t.Errorf("Check of a version that no grant is for: %v", err)
	}
}

func TestCheckFindsTriggersThatCannotBePolled(t *testing.T) {
	const grant = `
[grant.triggers]
plugin = "mail"
version = "~1.2"
connections = ["contoso"]
capabilities = ["mail.read"]
actions = ["mail.poll"]
`
	p, err := ParsePlugin("plugin.toml", []byte(readTestdata(t, "plugin.toml")))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, old, new, want string }{
		{"as often as the action allows", `every = "90s"`, `every = "30s"`, ""},
		{"more often", `every = "90s"`, `every = "29s"`,
			`postern.toml:63: trigger.soc-inbox.every: mail.poll may be polled once in 30s; write every = "30s" or more, or leave it out`},
		{"an action that is called", "action = \"mail.poll\"\nconnection = \"contoso\"", "action = \"mail.send\"\nconnection = \"lab\"",
			`postern.toml:61: trigger.soc-inbox.action: mail.send is of the kind "action", which is not polled; actions of mail that can be: mail.poll`},
		{"an action that no grant names", "[trigger.sweep]\naction = \"mail.poll\"", "[trigger.sweep]\naction = \"mail.search\"", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := ParseConfig("postern.toml", []byte(edit(t, readTestdata(t, "config.toml"), test.old, test.new)+grant))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Check(p); test.want == "" && err != nil {
				t.Error(err)
			} else if test.want != "" {
				wantProblem(t, err, test.want)
			}
		})
	}
}

func TestCheckFindsTriggersOfWhichNobodyCouldTell(t *testing.T) {
	manifest := readTestdata(t, "plugin.toml")
	before, after, _ := strings.Cut(manifest, "[action.watch]")
	_, after, _ = strings.Cut(after, "[[action.parameter]]")
	p, err := ParsePlugin("plugin.toml", []byte(before+"[[action.parameter]]"+after))
	if err != nil {
		t.Fatal(err)
	}
	c, err := ParseConfig("postern.toml", []byte(strings.Replace(readTestdata(t, "config.toml"), `actions = ["mail.get"]`, `actions = ["mail.get", "mail.poll"]`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	wantProblem(t, c.Check(p),
		`postern.toml:66: trigger.soc-inbox.notify: mail.poll does not say of what Graph could tell it; remove it: the trigger runs whenever it is due`)
}

func TestATriggerIsOnTheOnlyConnectionUnlessItSays(t *testing.T) {
	const one = "[connection.contoso]\ntenant = \"contoso.com\"\nclient_id = \"11111111-2222-3333-4444-555555555555\"\nclient_secret = { env = \"S\" }\n"
	const trigger = "[trigger.soc]\naction = \"mail.poll\"\n"
	c, err := ParseConfig("postern.toml", []byte(one+trigger))
	if err != nil || c.Triggers[0].Connection != "contoso" {
		t.Errorf("%+v, %v", c, err)
	}
	_, err = ParseConfig("postern.toml", []byte(one+strings.Replace(one, "contoso]", "lab]", 1)+trigger))
	wantProblem(t, err, `postern.toml:9: trigger.soc.connection: the key is missing; write for example connection = "contoso"`)
}

func TestSuggestedGrantAllowsWhatItIsFor(t *testing.T) {
	tests := []struct {
		name, version, connection, action string
		capabilities                      []string
		want                              string
	}{
		{"new capability for a granted action", "1.2.0", "lab", "mail.send", []string{"mail.read", "mail.send"}, `[grant.send]
plugin = "mail"
version = ">=1.2, <2"
connections = ["lab"]
capabilities = ["mail.send", "mail.read"]
actions = ["mail.send"]
internal = ["*@contoso.com"]
mark = true
beta = true
[grant.send.only]
recipients = []
hold = ["external", "*@fabrikam.com", "mail.send"]
[grant.send.limits]
sends = "30/1h"
external_recipients = 2
`},
		{"new action beside a granted one", "1.2.0", "lab", "mail.search", []string{"mail.search"}, `[grant.send]
plugin = "mail"
version = ">=1.2, <2"
connections = ["lab"]
capabilities = ["mail.send", "mail.search"]
actions = ["mail.send", "mail.search"]
internal = ["*@contoso.com"]
mark = true
beta = true
[grant.send.only]
recipients = []
hold = ["external", "*@fabrikam.com", "mail.send"]
[grant.send.limits]
sends = "30/1h"
external_recipients = 2
`},
		{"new grant beside one for several connections", "1.2.0", "contoso", "mail.send", []string{"mail.send"}, `[grant.mail-2]
plugin = "mail"
version = "^1"
connections = ["contoso"]
capabilities = ["mail.send"]
actions = ["mail.send"]
`},
		{"pre-release", "2.0.0-rc.1", "contoso", "mail.send", []string{"mail.send"}, `[grant.mail-2]
plugin = "mail"
version = "=2.0.0-rc.1"
connections = ["contoso"]
capabilities = ["mail.send"]
actions = ["mail.send"]
`},
		{"before 1.0.0", "0.3.1", "contoso", "mail.send", []string{"mail.send"}, `[grant.mail-2]
plugin = "mail"
version = "^0.3.1"
connections = ["contoso"]
capabilities = ["mail.send"]
actions = ["mail.send"]
`},
		{"grant for another version", "2.1.0", "contoso", "mail.get", []string{"mail.read"}, `[grant.mail]
version = "^2"
connections = ["contoso", "lab"]
capabilities = ["mail.read"]
actions = ["mail.get"]
[grant.mail.only]
user = ["soc@contoso.com", "*@phish.contoso.com"]
recipients = ["*@contoso.com"]
[grant.mail.limits]
memory = "16MiB"
fuel = 1000000000
timeout = "30s"
exchanges = 100
rate = "30/60s"
`},
	}
	src := readTestdata(t, "config.toml")
	connections, _, _ := strings.Cut(src, "[grant.mail]")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := ParseConfig("postern.toml", []byte(src))
			if err != nil {
				t.Fatal(err)
			}
			p := &Plugin{Name: "mail", Version: semver.MustParse(test.version)}
			suggested := c.SuggestGrant(p, test.connection, test.capabilities, test.action)
			if diff := cmp.Diff(test.want, suggested.Encode()); diff != "" {
				t.Errorf("SuggestGrant (-want +got):\n%s", diff)
			}
			alone, err := ParseConfig("postern.toml", []byte(connections+suggested.Encode()))
			if err != nil {
				t.Fatalf("the suggestion does not parse: %v", err)
			}
			g, ok := alone.Grant(test.connection, test.action)
			if !ok || !g.Version.Match(p.Version) {
				t.Errorf("the suggestion does not grant the action to version %s", p.Version)
			}
			if diff := cmp.Diff(suggested, *g); diff != "" {
				t.Errorf("the suggestion reads back as another (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEncodedGrantsReadBack(t *testing.T) {
	src := readTestdata(t, "config.toml")
	c, err := ParseConfig("postern.toml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	c.Grants[0].Only.Params["message"] = []Pattern{pattern(t, `a "quoted" \ value`), pattern(t, strings.Repeat("long", 100))}
	connections, rest, _ := strings.Cut(src, "[grant.mail]")
	_, triggers, _ := strings.Cut(rest, "[trigger.soc-inbox]")
	again, err := ParseConfig("postern.toml", []byte(connections+c.Grants[0].Encode()+c.Grants[1].Encode()+"[trigger.soc-inbox]"+triggers))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, again, compareConfigs); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

func TestPoliciesReadyToCopyAreRight(t *testing.T) {
	files, err := filepath.Glob("../examples/policies/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("policies: %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			c, err := LoadConfig(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Grants) == 0 || len(c.Connections) != 1 {
				t.Errorf("%d grants and %d connections, want some grants on one connection", len(c.Grants), len(c.Connections))
			}
			if c.Dir != filepath.Dir(file) {
				t.Errorf("Dir = %q, want the folder of the file", c.Dir)
			}
		})
	}
}

func TestPoliciesRestrictAsTheySay(t *testing.T) {
	analyst, err := LoadConfig("../examples/policies/read-only-analyst.toml")
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range analyst.Grants {
		for _, action := range g.Actions {
			if strings.HasSuffix(action, ".send") || strings.HasSuffix(action, ".reply") {
				t.Errorf("the read-only analyst may use %s", action)
			}
		}
	}
	one, err := LoadConfig("../examples/policies/one-mailbox.toml")
	if err != nil {
		t.Fatal(err)
	}
	if users := one.Grants[0].Only.Params["user"]; len(users) != 1 || strings.Contains(users[0].String(), "*") {
		t.Errorf("one mailbox allows %v", users)
	}
	internal, err := LoadConfig("../examples/policies/no-external-recipients.toml")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range internal.Grants[0].Only.Recipients {
		if p.Match("somebody@example.net") {
			t.Errorf("%v allows an external recipient", p)
		}
	}
}

func TestLoadReadsFilesWithinTheirBound(t *testing.T) {
	dir := t.TempDir()
	long := filepath.Join(dir, "long")
	if err := os.WriteFile(long, make([]byte, MaxLockFile+10), 0o600); err != nil {
		t.Fatal(err)
	}
	loaders := map[string]func(string) error{
		"plugin": func(path string) error { _, err := LoadPlugin(path); return err },
		"config": func(path string) error { _, err := LoadConfig(path); return err },
		"lock":   func(path string) error { _, err := LoadLock(path); return err },
	}
	for name, load := range loaders {
		if err := load(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: error of a missing file = %v, want one that matches fs.ErrNotExist", name, err)
		}
		var problem *Error
		if err := load(long); !errors.As(err, &problem) || !strings.Contains(problem.Problem, "longer than") {
			t.Errorf("%s: error of a long file = %v, want its length", name, err)
		}
	}
	if _, err := LoadPlugin("testdata/plugin.toml"); err != nil {
		t.Error(err)
	}
}

func ptr[T any](v T) *T { return &v }
