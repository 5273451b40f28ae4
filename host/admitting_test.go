package host_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/manifests"
)

func TestAdmittingIsToldOfEachModuleOnce(t *testing.T) {
	h := furnish(t, furnishing{inProcess: true, plugins: []string{"../plugins/rules"}, grants: `
[grant.rules]
version = "^1"
connections = ["contoso"]
capabilities = ["rule.read"]
actions = ["rule.list"]
`})
	config, err := manifests.LoadConfig(filepath.Join(h.dir, "postern.toml"))
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	h.Host, err = host.Open(host.Config{
		Operator: config, Sandbox: runtime(t), Transport: h.graph.RoundTripper(),
		Admitting: func(plugin string) func() {
			told = append(told, plugin)
			return func() { told = append(told, "ended") }
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	h.must(t, "rule.list", map[string]any{"user_id": dana})
	h.must(t, "rule.list", map[string]any{"user_id": dana})
	if diff := cmp.Diff([]string{"rules@1.0.0", "ended"}, told); diff != "" {
		t.Errorf("invoked twice (-want +got):\n%s", diff)
	}
	if _, err := h.Approve(t.Context(), "rules", ""); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"rules@1.0.0", "ended", "rules@1.0.0", "ended"}, told); diff != "" {
		t.Errorf("approved (-want +got):\n%s", diff)
	}
}
