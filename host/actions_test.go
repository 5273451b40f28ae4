package host_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/graphtest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// noon is when all of a golden test happens.
func noon() time.Time { return time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC) }

// TestActionsMakeTheRequestsAndResultsOfTheirGoldenFiles runs each action through
// its Wasm module. The golden files hold what reached Graph and what came back.
func TestActionsMakeTheRequestsAndResultsOfTheirGoldenFiles(t *testing.T) {
	h := furnish(t, furnishing{graph: []graphtest.Option{graphtest.WithClock(noon)}})
	messages := h.tenant.SOC.Messages("Inbox")
	rule := h.first(t, "rule.list", map[string]any{"user_id": dana})
	tests := []struct {
		name, action string
		parameters   map[string]any
	}{
		{"message", "mail.get", map[string]any{"email_address": soc, "id": messages[0].ID}},
		{"message-whole", "mail.get", map[string]any{
			"email_address": soc, "id": h.withAttachment(t), "get_headers": false, "download_attachments": true, "download_email": true,
		}},
		{"search-subject", "mail.search", map[string]any{"email_address": soc, "subject": messages[0].Subject, "limit": 3}},
		{"search-body", "mail.search", map[string]any{"email_address": soc, "body": "the", "search_well_known_folders": true, "limit": 2}},
		{"search-id", "mail.search", map[string]any{"email_address": soc, "internet_message_id": messages[0].InternetMessageID}},
		{"search-folder", "mail.search", map[string]any{"email_address": soc, "folder": "sent items", "limit": 2}},
		{"send", "mail.send", map[string]any{
			"from_email": soc, "to": `"Okafor, Dana" <dana@contoso.example>; alex@contoso.example`, "cc": "soc@contoso.example",
			"subject": "Pâté ✓", "body": "<p>Hello</p>", "body_is_html": true,
		}},
		{"events", "event.list", map[string]any{"user_id": soc, "limit": 2}},
		{"events-filtered", "event.list", map[string]any{"user_id": soc, "filter": "contains(subject,'Review')"}},
		{"rules", "rule.list", map[string]any{"user_id": dana}},
		{"rule", "rule.get", map[string]any{"user_id": dana, "rule_id": rule}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h.graph.ResetJournal()
			result := h.must(t, test.action, test.parameters)
			compareGolden(t, filepath.Join("testdata", "actions", test.name+".golden"), h.golden(t, result))
		})
	}
}

// first returns the id of an action's first row.
func (h *house) first(t *testing.T, action string, parameters map[string]any) string {
	t.Helper()
	result := h.must(t, action, parameters)
	var row struct{ ID string }
	if len(result.Data) == 0 {
		t.Fatalf("%s has no rows", action)
	}
	if err := json.Unmarshal(result.Data[0], &row); err != nil {
		t.Fatal(err)
	}
	return row.ID
}

// firstPost asks Graph itself: for tests without the plugin that lists posts.
func (h *house) firstPost(t *testing.T, group, thread string) string {
	t.Helper()
	token, err := h.graph.Token(graphtest.Token{Roles: []string{"Group-Conversation.Read.All"}})
	if err != nil {
		t.Fatal(err)
	}
	var posts struct{ Value []struct{ ID string } }
	h.get(t, token, "/groups/"+url.PathEscape(group)+"/threads/"+url.PathEscape(thread)+"/posts", &posts)
	if len(posts.Value) == 0 {
		t.Fatal("the thread has no posts")
	}
	return posts.Value[0].ID
}

func (h *house) withAttachment(t *testing.T) string {
	t.Helper()
	token, err := h.graph.Token(graphtest.Token{Roles: []string{"Mail.Read"}})
	if err != nil {
		t.Fatal(err)
	}
	var messages struct{ Value []struct{ ID string } }
	h.get(t, token, "/users/"+soc+"/messages?$filter=hasAttachments%20eq%20true&$top=1", &messages)
	if len(messages.Value) == 0 {
		t.Fatal("no message has an attachment")
	}
	return messages.Value[0].ID
}

// golden renders what reached Graph and the result, without what differs from run
// to run.
func (h *house) golden(t *testing.T, result *host.Result) string {
	t.Helper()
	return h.goldenWith(t, result, func(r graphtest.Received) string { return r.Path })
}

// goldenWith is golden with the path of a request shown in another way.
func (h *house) goldenWith(t *testing.T, result *host.Result, path func(graphtest.Received) string) string {
	t.Helper()
	var b strings.Builder
	for _, r := range h.journal() {
		fmt.Fprintf(&b, "> %s %s", r.Method, path(r))
		for i, name := range slices.Sorted(keys(r.Query)) {
			fmt.Fprintf(&b, "%c%s=%s", "?&"[min(i, 1)], name, r.Query.Get(name))
		}
		b.WriteByte('\n')
		for _, name := range []string{"Prefer", "Consistencylevel", "Content-Type", "Accept"} {
			if v := r.Header.Get(name); v != "" {
				fmt.Fprintf(&b, "> %s: %s\n", name, v)
			}
		}
		body := string(r.Body)
		if source, err := base64.StdEncoding.DecodeString(body); err == nil && r.Header.Get("Content-Type") == "text/plain" {
			body = strings.ReplaceAll(strings.TrimSpace(string(source)), "\r\n", "\n> ") // the MIME source of a mail
		}
		if body != "" {
			fmt.Fprintf(&b, "> %s\n", body)
		}
		fmt.Fprintf(&b, "< %d\n\n", r.Status)
	}
	shown := *result
	shown.Invocation = ""
	document, err := json.MarshalIndent(shown, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	b.Write(document)
	b.WriteByte('\n')
	return strings.NewReplacer(h.graph.URL, "https://graph.test", result.Invocation, "INVOCATION").Replace(b.String())
}

func keys(v url.Values) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range v {
			if !yield(name) {
				return
			}
		}
	}
}

func compareGolden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; go test -update writes it anew):\n%s", path, diff)
	}
}

func TestWhatGraphRefusesArrivesAsACodeWithAdvice(t *testing.T) {
	h := furnish(t, furnishing{})
	group := h.tenant.Group.ID()
	tests := []struct {
		name, action string
		parameters   map[string]any
		fault        *graphtest.Fault
		want         abi.Code
	}{
		{"no such mailbox", "rule.list", map[string]any{"user_id": "nobody@contoso.example"}, nil, abi.NotFound},
		{"no such rule", "rule.get", map[string]any{"user_id": dana, "rule_id": h.first(t, "rule.list", map[string]any{"user_id": dana})[:60] + "AAAA"}, nil, abi.InvalidID},
		{"a damaged id", "mail.get", map[string]any{"email_address": soc, "id": "AAMk-cut"}, nil, abi.InvalidID},
		{"no such group", "group.thread.list", map[string]any{"groupId": "3fa85f64-5717-4562-b3fc-2c963f66afa6"}, nil, abi.NotFound},
		{"a group id that is none", "group.thread.list", map[string]any{"groupId": "Incident Response"}, nil, abi.InvalidInput},
		{"a bad filter", "event.list", map[string]any{"user_id": soc, "filter": "colour eq 'red'"}, nil, abi.BadQuery},
		{"events of a group by an application", "event.list", map[string]any{"group_id": group}, nil, abi.PolicyDenied},
		{"throttled", "rule.list", map[string]any{"user_id": dana}, &graphtest.Fault{Path: "/users/{user}/mailFolders/inbox/messageRules", Status: 429, Times: -1}, abi.Throttled},
		{"a gateway fails a read", "rule.list", map[string]any{"user_id": dana}, &graphtest.Fault{Path: "/users/{user}/mailFolders/inbox/messageRules", Status: 502, Body: "<html>", Times: -1}, abi.Upstream},
		{"a gateway fails a write after it was done", "mail.send", mailTo(dana), &graphtest.Fault{Path: "/users/{user}/sendMail", Status: 504, AfterEffect: true}, abi.OutcomeUnknown},
		{"the connection breaks after a write was done", "mail.send", mailTo(dana), &graphtest.Fault{Path: "/users/{user}/sendMail", Close: true, AfterEffect: true}, abi.OutcomeUnknown},
		{"an unknown parameter", "rule.list", map[string]any{"user": dana}, nil, abi.InvalidInput},
		{"a missing parameter", "rule.list", nil, nil, abi.InvalidInput},
		{"a parameter of the wrong type", "rule.list", map[string]any{"user_id": 7}, nil, abi.InvalidInput},
		{"an action that is not there", "rule.delete", nil, nil, abi.UnknownAction},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.fault != nil {
				h.graph.Fault(*test.fault)
				defer h.graph.ClearFaults()
			}
			result, err := h.run(t, test.action, test.parameters)
			if !errors.Is(err, test.want) {
				t.Fatalf("Invoke: %v; want %s", err, test.want)
			}
			if result.Status != host.Failed || result.Message == "" || result.Summary.TotalObjectsSuccessful != 0 || len(result.Data) != 0 {
				t.Errorf("result %+v", result)
			}
		})
	}
	if n := len(h.graph.Delivered()); n != 2 {
		t.Errorf("%d mails were delivered by two writes of unknown outcome; want one each", n)
	}
}

func mailTo(to string) map[string]any {
	return map[string]any{"from_email": soc, "to": to, "subject": "s", "body": "b"}
}

func TestActionsAgreeWithEachOtherOverTheNetworkAndAtOnce(t *testing.T) {
	h := furnish(t, furnishing{})
	done := make(chan error)
	for i := range 24 {
		go func() {
			_, err := h.run(t, []string{"rule.list", "event.list", "mail.search"}[i%3], []map[string]any{
				{"user_id": dana}, {"user_id": soc}, {"email_address": soc, "limit": 5},
			}[i%3])
			done <- err
		}()
	}
	for range 24 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
