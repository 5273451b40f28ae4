package host_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/graphtest"
)

const ingestGrant = `
[grant.ingest]
version = "^1"
connections = ["contoso"]
capabilities = ["mail.ingest"]
actions = ["mail.poll"]
`

// intake polls mail.poll as a trigger would, and keeps what it hands over.
type intake struct {
	*house
	clock   *graphtest.Clock
	mailbox *graphtest.Mailbox
	state   []byte
	keys    map[string]int
	records []map[string]any
	pages   int
}

func ingest(t *testing.T, options ...graphtest.Option) *intake {
	t.Helper()
	clock := graphtest.NewClock(time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC))
	options = append(options, graphtest.WithClock(clock.Now))
	in := &intake{clock: clock, keys: map[string]int{}}
	in.house = furnish(t, furnishing{plugins: []string{"../plugins/ingest"}, grants: ingestGrant, graph: options, now: clock.Now, inProcess: true})
	mailbox, err := in.graph.AddMailbox("intake@contoso.example")
	if err != nil {
		t.Fatal(err)
	}
	in.mailbox = mailbox
	return in
}

// mail files a mail that was received some time ago.
func (in *intake) mail(t *testing.T, folder, subject string, ago time.Duration) string {
	t.Helper()
	id, err := in.mailbox.AddEML(folder, strings.NewReader(eml(subject, in.clock.Now().Add(-ago))))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func eml(subject string, at time.Time) string {
	return fmt.Sprintf("From: Ann <ann@contoso.example>\r\nTo: intake@contoso.example\r\nSubject: %s\r\nDate: %s\r\n"+
		"Message-ID: <%s@contoso.example>\r\nContent-Type: text/plain\r\n\r\nSee https://evil.example/%s from 203.0.113.9.\r\n",
		subject, at.Format(time.RFC1123Z), strings.ReplaceAll(subject, " ", "."), strings.ReplaceAll(subject, " ", "."))
}

// run makes one run, page by page. The error ends it; what was committed before stays.
func (in *intake) poll(t *testing.T, parameters map[string]any) (fresh []string, err error) {
	t.Helper()
	p := map[string]any{"email_address": "intake@contoso.example"}
	for name, value := range parameters {
		p[name] = value
	}
	for more := true; more; {
		polled, err := in.Poll(t.Context(), host.Poll{
			Invocation: host.Invocation{Action: "mail.poll", Parameters: p}, Trigger: "intake", State: in.state,
			Seen: func(_ context.Context, keys []string) ([]bool, error) {
				seen := make([]bool, len(keys))
				for i, key := range keys {
					seen[i] = in.keys[key] > 0
				}
				return seen, nil
			},
		})
		if err != nil {
			return fresh, err
		}
		for _, r := range polled.Records {
			in.keys[r.Key]++
			var record map[string]any
			if err := json.Unmarshal(r.Content, &record); err != nil {
				t.Fatal(err)
			}
			in.records = append(in.records, record)
			fresh = append(fresh, subjectOf(record))
		}
		if polled.State != nil {
			in.state = polled.State
		}
		in.pages++
		more = polled.More
	}
	return fresh, nil
}

func subjectOf(record map[string]any) string {
	if container, ok := record["container"].(map[string]any); ok {
		return container["name"].(string)
	}
	if subject, ok := record["subject"].(string); ok {
		return subject
	}
	return "?"
}

func TestMailIsHandedOverOnce(t *testing.T) {
	in := ingest(t)
	for i := range 5 {
		in.mail(t, "Inbox", fmt.Sprintf("old %d", i), time.Duration(100-i)*time.Hour)
	}
	first, err := in.poll(t, nil)
	if err != nil || fmt.Sprint(first) != "[old 0 old 1 old 2 old 3 old 4]" {
		t.Fatalf("the first run: %v, %v", first, err)
	}
	in.clock.Advance(time.Minute)
	in.mail(t, "Inbox", "new", 0)
	for _, want := range []string{"[new]", "[]"} {
		got, err := in.poll(t, nil)
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("got %v, %v; want %s", got, err, want)
		}
		in.clock.Advance(time.Minute)
	}
	t.Log(string(in.state))
}
