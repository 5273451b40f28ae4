package host_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/catalog"
	"github.com/postern-dev/postern/host/graphtest"
	"github.com/postern-dev/postern/host/sandbox"
	"github.com/postern-dev/postern/manifests"
)

// BenchmarkInvocation runs an action through its module, with all that an
// invocation takes but the network, beside the same request made natively.
func BenchmarkInvocation(b *testing.B) {
	h := furnish(b, furnishing{inProcess: true, plugins: []string{"../plugins/mail", "../plugins/rules"}, grants: `
[grant.mail]
version = "^1"
connections = ["contoso"]
capabilities = ["mail.read"]
actions = ["mail.get"]

[grant.rules]
version = "^1"
connections = ["contoso"]
capabilities = ["rule.read"]
actions = ["rule.list", "rule.get"]
`})
	token, err := h.graph.Token(graphtest.Token{Roles: []string{"Mail.Read", "MailboxSettings.Read"}})
	if err != nil {
		b.Fatal(err)
	}
	rules := h.must(b, "rule.list", map[string]any{"user_id": dana})
	var rule struct{ ID string }
	if err := json.Unmarshal(rules.Data[0], &rule); err != nil {
		b.Fatal(err)
	}
	message := h.tenant.SOC.Messages("Inbox")[0].ID
	for _, bench := range []struct {
		action     string
		parameters map[string]any
		path       string
	}{
		{"rule.get", map[string]any{"user_id": dana, "rule_id": rule.ID}, "/users/" + url.PathEscape(dana) + "/mailFolders/inbox/messageRules/" + url.PathEscape(rule.ID)},
		{"mail.get", map[string]any{"email_address": soc, "id": message}, "/users/" + url.PathEscape(soc) + "/messages/" + url.PathEscape(message) +
			"?$select=id,subject,body,bodyPreview,sender,from,toRecipients,ccRecipients,bccRecipients,replyTo,receivedDateTime,sentDateTime,hasAttachments,importance,isRead,internetMessageId,conversationId,parentFolderId,categories,webLink,internetMessageHeaders"},
	} {
		h.must(b, bench.action, bench.parameters) // compiles the module
		b.Run("action="+bench.action+"/path=sandbox", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := h.Invoke(b.Context(), host.Invocation{Action: bench.action, Parameters: bench.parameters}); err != nil {
					b.Fatal(err)
				}
			}
		})
		h.graph.ResetJournal()
		b.Run("action="+bench.action+"/path=native", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := native(h.graph.RoundTripper(), h.graph.URL+"/v1.0"+bench.path, token); err != nil {
					b.Fatal(err)
				}
			}
		})
		h.graph.ResetJournal()
	}
}

// native is the request as a plain Go program would make it.
func native(transport http.RoundTripper, url, token string) error {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Prefer", `IdType="ImmutableId"`)
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var body map[string]any
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %v", res.Status, body)
	}
	return nil
}

// BenchmarkCompile admits and compiles each of the project's modules, as the first invocation of a
// process does.
func BenchmarkCompile(b *testing.B) {
	for _, source := range append(allPlugins(), "../plugins/ingest") {
		wasm, err := buildModule(source)
		if err != nil {
			b.Fatal(err)
		}
		b.Run("module="+filepath.Base(source), func(b *testing.B) {
			for b.Loop() {
				runtime := sandbox.New(sandbox.Config{})
				if _, err := runtime.Compile(b.Context(), sandbox.Bytes(abi.Name, wasm)); err != nil {
					b.Fatal(err)
				}
				runtime.Close(b.Context())
			}
			b.ReportMetric(float64(len(wasm)), "module-bytes") // the loop forgets what was reported before
		})
	}
}

// BenchmarkManifests reads what every command reads.
func BenchmarkManifests(b *testing.B) {
	plugin, err := os.ReadFile("../plugins/mail/plugin.toml")
	if err != nil {
		b.Fatal(err)
	}
	policies, err := filepath.Glob("../examples/policies/*.toml")
	if err != nil || len(policies) == 0 {
		b.Fatal("no policies", err)
	}
	config, err := os.ReadFile(policies[0])
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := manifests.ParsePlugin("plugin.toml", plugin); err != nil {
			b.Fatal(err)
		}
		if _, err := manifests.ParseConfig("postern.toml", config); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDescribe is what a command that runs one action has to know of it, in a folder of many plugins: what is not
// granted for the action is not read.
func BenchmarkDescribe(b *testing.B) {
	const installed = 200
	dir := b.TempDir()
	manifest, err := os.ReadFile("../plugins/mail/plugin.toml")
	if err != nil {
		b.Fatal(err)
	}
	config := `
[connection.contoso]
tenant = "contoso.example"
client_id = "11111111-2222-3333-4444-555555555555"
client_secret = { file = "secret" }
`
	for i := range installed {
		name := fmt.Sprintf("mail%03d", i)
		folder := filepath.Join(dir, "plugins", name, "1.0.0")
		if err := os.MkdirAll(folder, 0o700); err != nil {
			b.Fatal(err)
		}
		named := strings.NewReplacer(`name = "mail"`, `name = "`+name+`"`, `"mail.`, `"`+name+`.`).Replace(string(manifest))
		if err := os.WriteFile(filepath.Join(folder, "plugin.toml"), []byte(named), 0o600); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "plugin.wasm"), []byte(name), 0o600); err != nil {
			b.Fatal(err)
		}
		config += fmt.Sprintf("[grant.%[1]s]\nversion = \"^1\"\nconnections = [\"contoso\"]\ncapabilities = [\"%[1]s.read\"]\nactions = [\"%[1]s.get\"]\n", name)
	}
	installedPlugins := catalog.New(filepath.Join(dir, "plugins"), filepath.Join(dir, "postern.lock"))
	for i := range installed {
		versions, err := installedPlugins.Versions(fmt.Sprintf("mail%03d", i))
		if err != nil {
			b.Fatal(err)
		}
		if err := installedPlugins.Approve(versions[0], time.Now(), func([]byte, manifests.Digest) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		operator, err := manifests.ParseConfig(filepath.Join(dir, "postern.toml"), []byte(config))
		if err != nil {
			b.Fatal(err)
		}
		h, err := host.Open(host.Config{Operator: operator})
		if err != nil {
			b.Fatal(err)
		}
		if a, err := h.Describe("mail100.get"); err != nil || !a.Approved {
			b.Fatal(a, err)
		}
		h.Close()
	}
}
