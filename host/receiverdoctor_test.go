package host_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// groupTrigger is a trigger of a group that is to be told of changes.
const groupTrigger = `
[grant.groups]
version = "^1"
connections = ["contoso"]
capabilities = ["group.read", "group.post.read"]
actions = ["group.mail.received"]
[trigger.news]
action = "group.mail.received"
notify = true
[trigger.news.parameters]
groupId = "66666666-2222-3333-4444-555555555555"
[notifications]
listen = "127.0.0.1:8081"
url = "https://hooks.contoso.example/postern"
`

func TestTheDoctorTellsWhatNotifyLacksAndDoesNotCallItSurplus(t *testing.T) {
	mail := func(t *testing.T) string {
		config, _ := told(t)
		return config
	}
	groups := func(*testing.T) string { return groupTrigger }
	unread := func(t *testing.T) string { // an action that is not granted needs nothing
		return strings.Replace(mail(t), `actions = ["feed.poll"]`, `actions = ["feed.other"]`, 1)
	}
	for _, test := range []struct {
		name           string
		config         func(*testing.T) string
		roles, scopes  []string
		surplus        []string
		note, ofNotify string // of the connection, and of the trigger
	}{
		{name: "mail, and it is there", config: mail, roles: []string{"Mail.Read", "User.Read.All"}, surplus: []string{"User.Read.All"}},
		{
			name: "mail, and it is missing", config: mail, roles: []string{"User.Read.All"}, surplus: []string{"User.Read.All"},
			note: "the trigger soc-inbox is not told of changes, and runs whenever it is due: for that Graph wants the application permission Mail.Read; " +
				"add the application permissions Mail.Read of Microsoft Graph to the application (",
		},
		{name: "mail, of an action without a grant", config: unread, roles: []string{"Mail.Read"}, surplus: []string{"Mail.Read"}},
		{
			name: "a group, and it is there", config: groups, surplus: []string{"User.Read"},
			scopes: []string{"Group.Read.All", "Group-Conversation.Read.All"},
		},
		{
			name: "a group, and it is missing", config: groups, scopes: []string{"Group-Conversation.Read.All"}, surplus: []string{"User.Read"},
			note: "the trigger news is not told of changes, and runs whenever it is due: for that Graph wants the delegated permission Group.Read.All; " +
				"add the delegated permissions Group.Read.All of Microsoft Graph to the application (",
		},
		{
			name: "a group, and an application", config: groups, roles: []string{"Group-Conversation.Read.All"}, surplus: []string{},
			ofNotify: "news note it is not told of changes, and runs whenever it is due: to be told of changes, group.mail.received needs a signed-in user",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := furnishing{plugins: []string{"testdata/feed", "../plugins/groups"}, grants: test.config(t), roles: test.roles, scopes: test.scopes}
			if test.scopes != nil {
				f.user = soc
			}
			h := furnish(t, f)
			d, err := h.Diagnose(t.Context(), "contoso")
			if err != nil || d.Error != nil {
				t.Fatalf("%+v, %v", d, err)
			}
			if !slices.Equal(slices.Sorted(slices.Values(d.Surplus)), test.surplus) {
				t.Errorf("surplus are %v", d.Surplus)
			}
			if note := strings.Join(d.Notes, "\n"); !strings.HasPrefix(note, test.note) || (note == "") != (test.note == "") {
				t.Errorf("it notes %q", note)
			}
			got, _ := checked(t, h)
			if !strings.Contains(got, test.ofNotify) || strings.Contains(got, "not told") != (test.ofNotify != "") {
				t.Errorf("of the trigger it says\n%s", got)
			}
		})
	}
}

func TestTheDoctorTellsOfAMailboxThatMayNotBeWatched(t *testing.T) {
	config, _ := told(t)
	h := watched(t, strings.Replace(config, `user = ["soc@`, `user = ["alex@`, 1))
	const want = `soc-inbox note it is not told of changes, and runs whenever it is due: grant.feed.only.user does not allow "soc@contoso.example"`
	if got, _ := checked(t, h); !strings.Contains(got, want) {
		t.Errorf("it says\n%s", got)
	}
}

// received is the receiver as the doctor sees it, in words.
func received(t *testing.T, h *house) string {
	t.Helper()
	d, err := h.DiagnoseReceiver(t.Context(), "")
	if err != nil || d == nil || d.Healthy != (len(d.Problems) == 0) {
		t.Fatalf("%+v, %v", d, err)
	}
	var b strings.Builder
	for _, p := range d.Problems {
		b.WriteString("problem " + p.Error() + "\n")
	}
	for _, n := range d.Notes {
		b.WriteString("note " + n + "\n")
	}
	return b.String()
}

// issued is a certificate for a host that ends after so long, and its private key, both in PEM.
func issued(t *testing.T, host string, self bool, ends time.Duration) (certificate, private string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// One that has ended was good once.
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host}, BasicConstraintsValid: true, IsCA: self,
		NotBefore: time.Now().Add(-90 * 24 * time.Hour), NotAfter: time.Now().Add(ends),
	}
	issuer, by := template, key
	if !self {
		issuer = &x509.Certificate{SerialNumber: big.NewInt(2)}
		if by, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

func TestTheDoctorLooksAtTheReceiversCertificate(t *testing.T) {
	const (
		name = "hooks.contoso.example"
		year = 365 * 24 * time.Hour
	)
	good, key := issued(t, name, true, year)
	another, anothers := issued(t, "other.example", true, year)
	ended, endedKey := issued(t, name, true, -time.Hour)
	ending, endingKey := issued(t, name, true, 3*24*time.Hour)
	alone, aloneKey := issued(t, name, false, year)
	for _, test := range []struct{ name, certificate, key, says string }{
		{"nothing is wrong", good, key, ""},
		{"it is in one file with its key", good + key, "", ""},
		{"there is none", "", key, "problem invalid_input: the receiver of notifications has no certificate: certificate: "},
		{"the key is missing", good, "", "problem invalid_input: the certificate of the receiver cannot be used: tls: found a certificate rather than a key"},
		{"the key is another's", good, anothers, "problem invalid_input: the certificate of the receiver cannot be used: tls: private key does not match"},
		{"it has expired", ended, endedKey, "problem invalid_input: the certificate of the receiver expired at "},
		{"it expires soon", ending, endingKey, "note the certificate of the receiver expires at "},
		{"it is for another host", another, anothers, "note the certificate of the receiver is not for hooks.contoso.example"},
		{"its issuer is missing", alone, aloneKey, "note certificate has the receiver's own alone; "},
	} {
		t.Run(test.name, func(t *testing.T) {
			config, _ := told(t)
			head, _, _ := strings.Cut(config, "url = ")
			config = head + "url = \"https://" + name + "/postern\"\ncertificate = { file = \"hooks.pem\" }\n"
			if test.key != "" {
				config += "private_key = { file = \"hooks.key\" }\n"
			}
			h := watched(t, config)
			h.write(t, "hooks.pem", test.certificate)
			h.write(t, "hooks.key", test.key)
			got := received(t, h)
			if !strings.HasPrefix(got, test.says) || (got == "") != (test.says == "") || strings.Contains(got, "PRIVATE") {
				t.Errorf("it says\n%s", got)
			}
		})
	}
}

func TestTheDoctorLooksWhereNotificationsAreReceived(t *testing.T) {
	outside := func(c string) string { // Graph is not on this machine
		return strings.Replace(c, "[trigger.soc-inbox]", "[connection.real]\ntenant = \"contoso.example\"\n"+
			"client_id = \"11111111-2222-3333-4444-555555555555\"\nclient_secret = { file = \"secret\" }\n[trigger.soc-inbox]\nconnection = \"real\"", 1)
	}
	at := func(url string) func(string) string {
		return func(c string) string {
			head, _, _ := strings.Cut(outside(c), "url = ")
			return head + "url = \"" + url + "\"\n"
		}
	}
	const unreached = "problem invalid_input: url leads to "
	for _, test := range []struct {
		name   string
		change func(config string) string
		says   string
	}{
		{"an emulated Graph on this machine", func(c string) string { return c }, ""},
		{"plain HTTP with a certificate", func(c string) string {
			return c + "certificate = { file = \"hooks.pem\" }\n"
		}, "problem invalid_input: url begins with http://"},
		{"not an address of this machine", func(c string) string {
			return strings.Replace(c, `listen = "127`, `listen = "192.0.2.1:8081" # "127`, 1)
		}, "problem invalid_input: notifications cannot be received: listen tcp 192.0.2.1:8081"},
		{"no trigger", func(c string) string { return strings.Replace(c, "notify = true", "", 1) }, "note no trigger has notify = true; "},
		{"Graph calls this machine", outside, unreached + "127.0.0.1, "},
		{"Graph calls a private address", at("https://10.1.2.3/x"), unreached + "10.1.2.3, "},
		{"Graph calls a private address of IPv6", at("https://[fd00::1]:8443/x"), unreached + "fd00::1, "},
		{"Graph calls a name without a domain", at("https://hooks/x"), unreached + "hooks, "},
		{"Graph calls a name of the network", at("https://hooks.Local./x"), unreached + "hooks.Local., "},
		{"Graph calls a public name", at("https://local.contoso.example/x"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			config, _ := told(t)
			h := watched(t, test.change(config))
			certificate, key := issued(t, "127.0.0.1", true, time.Hour)
			h.write(t, "hooks.pem", certificate+key)
			// The certificate has a test of its own.
			got := strings.Join(slices.DeleteFunc(strings.SplitAfter(received(t, h), "\n"), func(line string) bool {
				return strings.Contains(line, "certificate of the receiver")
			}), "")
			if !strings.HasPrefix(got, test.says) || (got == "") != (test.says == "") || strings.Count(got, "\n") > 1 {
				t.Errorf("it says\n%s", got)
			}
		})
	}
	t.Run("another process", func(t *testing.T) {
		config, address := told(t)
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		h := watched(t, config)
		const follows = `, presumably "postern poll --follow"; if none runs, write another port in listen` + "\n"
		if got := received(t, h); got != "note another process listens on "+address+follows {
			t.Errorf("it says\n%s", got)
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		for range 2 { // looking leaves nothing behind
			if got := received(t, h); got != "" {
				t.Errorf("after that it says\n%s", got)
			}
		}
		if d, err := h.DiagnoseReceiver(t.Context(), "another"); err != nil || d != nil {
			t.Errorf("of another connection it says %+v, %v", d, err)
		}
	})
	t.Run("nothing is received", func(t *testing.T) {
		if d, err := watched(t, socTrigger).DiagnoseReceiver(t.Context(), ""); err != nil || d != nil {
			t.Errorf("it says %+v, %v", d, err)
		}
	})
}

func TestExplainTellsWhatIsWatched(t *testing.T) {
	config, _ := told(t)
	const quiet = "[trigger.quiet]\naction = \"feed.poll\"\n[trigger.quiet.parameters]\nmailbox = \"soc@contoso.example\"\n"
	config = strings.Replace(config, "[notifications]", quiet+"[notifications]", 1)
	for _, test := range []struct{ name, config, action, resource, application, delegated, notified string }{
		{"mail", config, "feed.poll", "/users/{user}/messages", "Mail.Read", "Mail.Read or Mail.ReadBasic", "soc-inbox"},
		{"a group", groupTrigger, "group.mail.received", "/groups/{group}/conversations", "", "Group.Read.All", "news"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := furnish(t, furnishing{plugins: []string{"testdata/feed", "../plugins/groups"}, grants: test.config})
			x, err := h.Explain(test.action, "")
			if err != nil || x.Watch == nil {
				t.Fatalf("%+v, %v", x, err)
			}
			w := x.Watch
			names := func(kind string) string { return strings.Join(w.Permissions[kind], " or ") }
			if w.Resource != test.resource || w.Kind != "application" || names("application") != test.application ||
				names("delegated") != test.delegated || strings.Join(w.Notified, ",") != test.notified {
				t.Errorf("it says %+v", w)
			}
		})
	}
	h := furnish(t, furnishing{plugins: []string{"../plugins/rules"}, grants: "[grant.rules]\nversion = \"^1\"\nconnections = [\"contoso\"]\n" +
		"capabilities = [\"rule.read\", \"folder.read\"]\nactions = [\"rule.list\"]\n"})
	if x, err := h.Explain("rule.list", ""); err != nil || x.Decision != "allowed" || x.Watch != nil {
		t.Errorf("of one that watches nothing it says %+v, %v", x, err)
	}
}
