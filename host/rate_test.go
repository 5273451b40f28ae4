package host_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-dev/postern/abi"
)

// rewrite changes a file of the house.
func (h *house) rewrite(t *testing.T, name string, change func(string) string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(h.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	h.write(t, name, change(string(content)))
}

// A plugin that states a rate keeps to it on each connection, whatever the grants say; of two rates the lower one holds.
func TestPluginKeepsToItsOwnRateOnEachConnection(t *testing.T) {
	for name, test := range map[string]struct {
		plugin, grant string
		rule          string
	}{
		"the plugin's is lower":      {"2/1h", "100/1h", "limits.rate in the plugin.toml of prober"},
		"the grant's is lower":       {"100/1h", "2/1h", "grant.prober.limits.rate"},
		"only the plugin has a rate": {"2/1h", "", "limits.rate in the plugin.toml of prober"},
	} {
		t.Run(name, func(t *testing.T) {
			h := prober(t, "")
			h.rewrite(t, "plugins/prober/1.0.0/plugin.toml", func(s string) string {
				if !strings.Contains(s, "[limits]\n") {
					t.Fatal("the prober states no limits")
				}
				return strings.Replace(s, "[limits]\n", "[limits]\nrate = \""+test.plugin+"\"\n", 1)
			})
			h.rewrite(t, "postern.toml", func(s string) string {
				connection, grants, _ := strings.Cut(s, "[grant.prober]")
				grants = strings.Replace(grants, `["contoso"]`, `["contoso", "second"]`, 1)
				if test.grant != "" {
					grants += "\n[grant.prober.limits]\nrate = \"" + test.grant + "\"\n"
				}
				return connection + strings.Replace(connection, "[connection.contoso]", "[connection.second]", 1) + "[grant.prober]" + grants
			})
			h.open(t, furnishing{})
			h.approve(t)
			h.open(t, furnishing{})
			ask := func(connection string) error {
				call := hostInvocation("probe.ask", connection)
				call.Parameters = map[string]any{"exchanges": []string{list("", ""), list("", ""), list("", "")}}
				result, err := h.Invoke(t.Context(), call)
				if err != nil {
					t.Fatal(err)
				}
				if last := string(result.Data[len(result.Data)-1]); strings.Contains(last, `"throttled"`) {
					return &abi.Error{Code: abi.Throttled, Message: last}
				}
				return nil
			}
			err := ask("contoso")
			if !errors.Is(err, abi.Throttled) || !strings.Contains(err.Error(), test.rule) {
				t.Errorf("the third request: %v; want it to wait for %s", err, test.rule)
			}
			before := len(h.journal())
			if err := ask("second"); !errors.Is(err, abi.Throttled) {
				t.Errorf("the third request on another connection: %v", err)
			}
			reached := len(h.journal()) - before
			if want := map[bool]int{true: 2, false: 0}[strings.HasPrefix(test.rule, "limits")]; reached != want {
				t.Errorf("%d requests of another connection reached Graph; want %d", reached, want)
			}
		})
	}
}
