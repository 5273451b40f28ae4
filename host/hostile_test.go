package host_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/internal/hostile"
)

// Every hostile spelling of a value is refused, or arrives at Graph as exactly one
// segment with exactly that value: through the guest, the ABI, policy, egress, TLS
// and an HTTP server, not by our own reading of the URL.
func TestHostileValuesAreRefusedOrArriveAsOneSegment(t *testing.T) {
	values := hostile.Values()
	if len(values) < 200 {
		t.Fatalf("%d values; at least 200 are promised", len(values))
	}
	h := prober(t, "")
	for chunk := range slices.Chunk(values, 100) {
		var exchanges []string
		for _, v := range chunk {
			for _, params := range []map[string]string{
				{"user": v.Text, "message": "AAMk"}, {"user": soc, "message": v.Text},
			} {
				exchange, err := json.Marshal(map[string]any{
					"op": "graph", "capability": "probe.read", "method": "GET", "path": "/users/{user}/messages/{message}", "params": params,
				})
				if err != nil {
					t.Fatal(err)
				}
				exchanges = append(exchanges, string(exchange))
			}
		}
		h.graph.ResetJournal()
		replies := h.ask(t, exchanges...)
		arrived := h.journal()
		for i, v := range chunk {
			for place, r := range replies[2*i : 2*i+2] {
				if r.code() == abi.InvalidInput && r.Error.Detail["status"] == nil {
					continue // refused by the host
				}
				if len(arrived) == 0 {
					t.Fatalf("%s (%q): neither refused nor arrived: %+v", v.Why, v.Text, r)
				}
				want := [][]string{{"v1.0", "users", v.Text, "messages", "AAMk"}, {"v1.0", "users", soc, "messages", v.Text}}[place]
				if place == 0 && v.Text[0] == '$' {
					want = []string{"v1.0", "users('" + strings.ReplaceAll(v.Text, "'", "''") + "')", "messages", "AAMk"}
				}
				if got := arrived[0].Segments; !slices.Equal(got, want) {
					t.Errorf("%s: %q arrived as %q", v.Why, v.Text, got)
				}
				arrived = arrived[1:]
			}
		}
		if len(arrived) > 0 {
			t.Errorf("%d more requests arrived than replies tell of", len(arrived))
		}
	}
}
