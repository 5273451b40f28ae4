package host_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
)

// TestListsAreStoppedAndGoOn stops each list after every page, goes on with it, and must have met everything once.
func TestListsAreStoppedAndGoOn(t *testing.T) {
	h := office(t)
	box, err := h.graph.AddMailbox("busy@contoso.example")
	if err != nil {
		t.Fatal(err)
	}
	const count = 350
	for i := range count {
		deliver(t, box, fmt.Sprintf("Fri, 02 Jan 2026 %02d:%02d:%02d +0000", 1+i/120, i/2%60, 0), fmt.Sprintf("message %d", i))
	}
	for i := range 120 {
		if _, err := box.AddFolder(fmt.Sprintf("Folder %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		action     string
		parameters map[string]any
		stops      int
	}{
		{"mail.list", map[string]any{"email_address": "busy@contoso.example", "limit": 1000}, 3},
		{"mail.list", map[string]any{"email_address": "busy@contoso.example", "limit": 1000, "offset": 20}, 3},
		{"mail.search", map[string]any{"email_address": "busy@contoso.example", "subject": "message", "limit": 1000}, 1},
		{"folder.list", map[string]any{"user_id": "busy@contoso.example"}, 1},
	} {
		t.Run(test.action, func(t *testing.T) {
			whole := column(t, h.must(t, test.action, test.parameters), "id")
			met, stops, from := map[string]int{}, 0, ""
			for {
				result, err := h.stopAtOnce(t, test.action, test.parameters, from)
				if err != nil {
					t.Fatal(err)
				}
				for _, id := range column(t, result, "id") {
					met[id]++
				}
				if result.Truncated != (result.Next != "") || result.Truncated && !strings.Contains(result.Message, "stopped") {
					t.Errorf("truncated is %t, next %q, message %q", result.Truncated, result.Next, result.Message)
				}
				if from = result.Next; from == "" {
					break
				}
				stops++
			}
			for _, id := range whole {
				if met[id] != 1 {
					t.Errorf("%s was met %d times", id, met[id])
				}
			}
			if len(met) != len(whole) || stops < test.stops {
				t.Errorf("met %d of %d, stopped %d times", len(met), len(whole), stops)
			}
		})
	}
}

// stopAtOnce runs an action that is stopped before it begins, so that it reads one page.
func (h *house) stopAtOnce(t *testing.T, action string, parameters map[string]any, from string) (*host.Result, error) {
	t.Helper()
	stop := make(chan struct{})
	close(stop)
	call := host.Invocation{Action: action, Parameters: parameters, Stop: stop, Continue: from}
	return h.Invoke(t.Context(), call)
}

func TestAListGoesOnForTheSameQuestionOnly(t *testing.T) {
	h := office(t)
	for i := range 150 {
		deliver(t, h.tenant.SOC, "Fri, 02 Jan 2026 09:00:00 +0000", fmt.Sprint("message ", i))
	}
	parameters := map[string]any{"email_address": soc, "limit": 1000}
	result, err := h.stopAtOnce(t, "mail.list", parameters, "")
	if err != nil || result.Next == "" {
		t.Fatalf("%v, next %q", err, result.Next)
	}
	other := maps.Clone(parameters)
	other["email_address"] = dana
	changed := "A" + result.Next[1:]
	if changed == result.Next {
		changed = "B" + result.Next[1:]
	}
	for name, call := range map[string]host.Invocation{
		"another mailbox": {Action: "mail.list", Parameters: other, Continue: result.Next},
		"another action":  {Action: "mail.search", Parameters: parameters, Continue: result.Next},
		"a changed one":   {Action: "mail.list", Parameters: parameters, Continue: changed},
		"a write":         {Action: "mail.delete", Parameters: map[string]any{"email_address": soc, "id": "x"}, Continue: result.Next},
		"a single thing":  {Action: "mail.get", Parameters: map[string]any{"email_address": soc, "id": "x"}, Continue: result.Next},
	} {
		if _, err := h.Invoke(t.Context(), call); !errors.Is(err, abi.InvalidInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASearchIsStoppedAndNotGoneOnWith(t *testing.T) {
	h := office(t)
	for i := range 300 {
		deliver(t, h.tenant.SOC, "Fri, 02 Jan 2026 09:00:00 +0000", fmt.Sprint("message ", i))
	}
	result, err := h.stopAtOnce(t, "mail.search", map[string]any{"email_address": soc, "body": "needle", "limit": 1000}, "")
	if err != nil || len(result.Data) != 250 || !result.Truncated || result.Next != "" {
		t.Errorf("%v, %d rows, truncated %t, next %q", err, len(result.Data), result.Truncated, result.Next)
	}
}

func TestProgressIsTold(t *testing.T) {
	h := office(t)
	for i := range 250 {
		deliver(t, h.tenant.SOC, "Fri, 02 Jan 2026 09:00:00 +0000", fmt.Sprint("message ", i))
	}
	var told []host.Progress
	result, err := h.Invoke(t.Context(), host.Invocation{
		Action: "mail.list", Parameters: map[string]any{"email_address": soc, "limit": 1000},
		Progress: func(p host.Progress) { told = append(told, p) },
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(told)
	if err != nil {
		t.Fatal(err)
	}
	if last := told[len(told)-1]; last.Requests != len(told) || last.Items < len(result.Data) || told[1].Items != 100 {
		t.Errorf("told %s of %d rows", text, len(result.Data))
	}
}
