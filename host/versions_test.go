package host_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/audit"
	"github.com/postern-dev/postern/manifests"
)

// addVersion installs the prober once more, as another version.
func (h *house) addVersion(t *testing.T, version string) {
	t.Helper()
	from := filepath.Join(h.dir, "plugins", "prober", "1.0.0")
	to := filepath.Join(h.dir, "plugins", "prober", version)
	if err := os.Mkdir(to, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"plugin.toml", "plugin.wasm"} {
		content, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		content = []byte(strings.Replace(string(content), `version = "1.0.0"`, fmt.Sprintf("version = %q", version), 1))
		if err := os.WriteFile(filepath.Join(to, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestVersionsRunSideBySideUnderTheirGrants(t *testing.T) {
	h := prober(t, `
[grant.prober-next]
plugin = "prober"
version = "^2"
connections = ["second"]
capabilities = ["probe.read", "probe.send"]
actions = ["probe.ask"]

[connection.second]
tenant = "contoso.example"
client_id = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
client_secret = { env = "UNUSED" }
`)
	h.addVersion(t, "1.2.0")
	h.addVersion(t, "2.1.0")
	h.open(t, furnishing{})
	h.approve(t)
	h.open(t, furnishing{})
	for connection, want := range map[string]string{"contoso": "prober@1.2.0", "second": "prober@2.1.0"} {
		result, err := h.Invoke(t.Context(), hostInvocation("probe.ask", connection))
		if err != nil || result.Plugin != want {
			t.Errorf("on %s: %s, %v; want %s", connection, result.Plugin, err, want)
		}
	}
}

func TestUpgradeWaitsForApproval(t *testing.T) {
	h := prober(t, "")
	h.addVersion(t, "1.5.0")
	h.open(t, furnishing{})
	if result := h.must(t, "probe.ask", nil); result.Plugin != "prober@1.0.0" {
		t.Errorf("%s ran before it was approved", result.Plugin)
	}
	if _, err := h.Approve(t.Context(), "prober", "1.5.0"); err != nil {
		t.Fatal(err)
	}
	if result := h.must(t, "probe.ask", nil); result.Plugin != "prober@1.5.0" {
		t.Errorf("%s ran after 1.5.0 was approved", result.Plugin)
	}
}

func TestChangedModuleDoesNotRunUntilApprovedAgain(t *testing.T) {
	for _, name := range []string{"plugin.wasm", "plugin.toml"} {
		t.Run(name, func(t *testing.T) {
			h := prober(t, "")
			path := filepath.Join(h.dir, "plugins", "prober", "1.0.0", name)
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			changed := append(content, "\n# changed\n"...)
			if name == "plugin.wasm" { // a custom section: the module does the same
				changed = append(content, 0, 2, 1, 'x')
			}
			if err := os.WriteFile(path, changed, 0o600); err != nil {
				t.Fatal(err)
			}
			h.open(t, furnishing{})
			_, err = h.run(t, "probe.ask", nil)
			if !errors.Is(err, abi.PolicyDenied) || !strings.Contains(err.Error(), "postern plugin approve prober@1.0.0") {
				t.Fatalf("Invoke: %v", err)
			}
			h.approve(t)
			h.must(t, "probe.ask", nil)
		})
	}
}

func TestUnapprovedPluginIsRefusedAndSaysHowToApproveIt(t *testing.T) {
	h := furnish(t, furnishing{plugins: []string{"testdata/prober"}, grants: proberGrant, unapproved: true})
	_, err := h.run(t, "probe.ask", nil)
	if !errors.Is(err, abi.PolicyDenied) || !strings.Contains(err.Error(), "postern plugin approve prober@1.0.0") {
		t.Errorf("Invoke: %v", err)
	}
}

// The lines of TOML that a denial offers do what they promise.
func TestDenialNamesTheGrantThatWouldAllowIt(t *testing.T) {
	h := furnish(t, furnishing{plugins: []string{"../plugins/rules"}, grants: "\n"})
	parameters := map[string]any{"user_id": dana}
	_, err := h.run(t, "rule.list", parameters)
	var denied *abi.Error
	if !errors.As(err, &denied) || denied.Code != abi.PolicyDenied || denied.Detail.Allow == "" {
		t.Fatalf("Invoke: %v", err)
	}
	if records := h.record(t); len(records) != 1 || records[0].Decision != audit.Denied || records[0].Action != "rule.list" {
		t.Errorf("record %+v", records)
	}
	config, readErr := os.ReadFile(filepath.Join(h.dir, "postern.toml"))
	if readErr != nil {
		t.Fatal(readErr)
	}
	h.write(t, "postern.toml", string(config)+"\n"+denied.Detail.Allow)
	h.open(t, furnishing{})
	h.must(t, "rule.list", parameters)
}

func TestExplainAnswersWithoutRunningAnything(t *testing.T) {
	h := prober(t, "[grant.prober.only]\nuser = [\"*@contoso.example\"]\n")
	allowed, err := h.Explain("probe.ask", "")
	if err != nil || allowed.Decision != audit.Allowed || allowed.Grant != "prober" || len(allowed.Requests) != 22 || allowed.Only["user"][0] != "*@contoso.example" {
		t.Errorf("Explain: %+v, %v", allowed, err)
	}
	for _, r := range allowed.Requests {
		if want := r.Capability == "probe.read" || r.Capability == "probe.send"; (r.Decision == audit.Allowed) != want {
			t.Errorf("%s %s: %s (%s)", r.Capability, r.Request, r.Decision, r.Reason)
		}
	}
	denied, err := h.Explain("probe.other", "contoso")
	if err != nil || denied.Decision != audit.Denied || !strings.Contains(denied.Error.Detail.Allow, "probe.other") {
		t.Errorf("Explain: %+v, %v", denied, err)
	}
	if _, err := h.Explain("probe.nothing", "contoso"); !errors.Is(err, abi.UnknownAction) {
		t.Errorf("Explain: %v", err)
	}
	if n := len(h.graph.Journal()); n > 0 {
		t.Errorf("%d requests were made", n)
	}
	if _, err := os.Stat(filepath.Join(h.dir, "audit.jsonl")); err == nil {
		t.Error("explaining wrote an audit record")
	}
}

// The example of an integrator's own plugin, in its own module and built by plain
// go build: refused without a grant, and working with one.
func TestPluginOfAnotherModule(t *testing.T) {
	const source = "../examples/hello-plugin"
	manifest, err := manifests.LoadPlugin(filepath.Join(source, "plugin.toml"))
	if err != nil {
		t.Fatal(err)
	}
	action := manifest.Actions[0]
	parameters := make(map[string]any)
	for _, p := range action.Parameters {
		if p.Required {
			parameters[p.Name] = soc
		}
	}
	h := furnish(t, furnishing{plugins: []string{source}, grants: "\n"})
	_, err = h.run(t, action.ID, parameters)
	var denied *abi.Error
	if !errors.As(err, &denied) || denied.Code != abi.PolicyDenied {
		t.Fatalf("without a grant: %v", err)
	}
	config, err := os.ReadFile(filepath.Join(h.dir, "postern.toml"))
	if err != nil {
		t.Fatal(err)
	}
	h.write(t, "postern.toml", string(config)+"\n"+denied.Detail.Allow)
	h.open(t, furnishing{})
	if result := h.must(t, action.ID, parameters); len(result.Data) == 0 {
		t.Errorf("result %+v", result)
	}
}

// Descriptions have the shape that other tools read.
func TestActionsAreDescribedInTheirManifestsWords(t *testing.T) {
	h := furnish(t, furnishing{})
	actions, err := h.Actions()
	if err != nil || len(actions) != 45 {
		t.Fatalf("Actions: %d, %v", len(actions), err)
	}
	document, err := json.MarshalIndent(actions, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	compareGolden(t, filepath.Join("testdata", "actions.json"), string(document)+"\n")
}
