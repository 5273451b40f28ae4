package host_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/postern-dev/postern/host/audit"
)

// TestMailSearchOfManyMessagesIsBounded searches 20,000 messages for the first 5,000: in as many requests as pages of 250 need, and in 32 MiB
// of guest memory.
func TestMailSearchOfManyMessagesIsBounded(t *testing.T) {
	const (
		count = 20_000
		limit = 5_000
		page  = 250
		most  = 32 << 20
	)
	h := mailHouse(t)
	box, err := h.graph.AddMailbox("busy@contoso.example")
	if err != nil {
		t.Fatal(err)
	}
	day := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range count {
		deliver(t, box, day.Add(time.Duration(i)*20*time.Minute).Format(time.RFC1123Z), fmt.Sprintf("message %d", i))
	}
	for _, test := range []struct {
		name       string
		parameters map[string]any
		requests   int
	}{
		{"by filter", map[string]any{"subject": "message"}, 1 + limit/page},
		// A search gives 1,000 at a time. Each further one meets again what was sent on the two days where it begins.
		{"by search", map[string]any{"body": "needle"}, 1 + 6*1000/page},
	} {
		t.Run(test.name, func(t *testing.T) {
			h.graph.ResetJournal()
			test.parameters["email_address"], test.parameters["limit"] = "busy@contoso.example", limit
			result := h.must(t, "mail.search", test.parameters)
			if len(result.Data) != limit || !result.Truncated {
				t.Errorf("%d rows, truncated %t", len(result.Data), result.Truncated)
			}
			requests := 0
			for _, r := range h.journal() {
				if strings.Contains(r.Path, "mailFolders") {
					requests++
				}
			}
			records := h.record(t)
			last := records[len(records)-1]
			if last.Op != audit.OpInvocation || last.Memory == 0 || last.Memory > most {
				t.Errorf("the guest took %d bytes of memory", last.Memory)
			}
			if requests > test.requests {
				t.Errorf("%d requests; %d pages are enough", requests, test.requests)
			}
			t.Logf("%d requests, %d MiB of guest memory, %d units of fuel", requests, last.Memory>>20, last.Fuel)
		})
	}
}
