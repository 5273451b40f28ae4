package host_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/graphtest"
)

// mailGrants allow all that the mail plugin can do.
const mailGrants = `[grant.mail]
version = "^1"
connections = ["contoso"]
beta = true
capabilities = [
  "mail.read", "mail.search", "mail.send", "mail.draft", "mail.move", "mail.copy", "mail.update", "mail.delete", "mail.purge",
  "mail.report", "mail.ids",
]
actions = ["mail.get", "mail.get_properties", "mail.list", "mail.search", "mail.send", "mail.move", "mail.copy", "mail.update", "mail.delete", "mail.report"]
`

// mailHouse is a house in which the mail plugin may do all that it can.
func mailHouse(tb testing.TB, options ...graphtest.Option) *house {
	tb.Helper()
	return furnish(tb, furnishing{
		grants: mailGrants, plugins: []string{"../plugins/mail"}, graph: options, inProcess: true,
		roles: []string{"Mail.Read", "Mail.ReadWrite", "Mail.Send", "User.Read.All"},
	})
}

// mailRow is what these tests read of a row.
type mailRow struct {
	ID                string
	NewID             string
	Subject           string
	ParentFolderID    string
	InternetMessageID string
	Message           string
	MessageID         string
	Path              string
	Changed           bool
	Moved, Reported   bool
	Allowed           bool
	IsRead            bool
	Categories        []string
	Attachments       json.RawMessage
	Requests          []struct{ Method, Path, Decision, Reason string }
}

// row reads the only row of a result.
func row(tb testing.TB, result *host.Result) mailRow {
	tb.Helper()
	if len(result.Data) != 1 {
		tb.Fatalf("%s has %d rows", result.Action, len(result.Data))
	}
	var r mailRow
	if err := json.Unmarshal(result.Data[0], &r); err != nil {
		tb.Fatal(err)
	}
	return r
}

// TestMailActionsMakeTheRequestsAndResultsOfTheirGoldenFiles runs each action of the mail plugin that changes something, or that the
// golden files of all plugins do not show, in a tenant of its own.
func TestMailActionsMakeTheRequestsAndResultsOfTheirGoldenFiles(t *testing.T) {
	for _, test := range []struct {
		name, action string
		parameters   func(h *house) map[string]any
	}{
		{"mail-list", "mail.list", func(*house) map[string]any { return map[string]any{"email_address": soc, "limit": 2, "offset": 1} }},
		{"mail-properties", "mail.get_properties", func(h *house) map[string]any {
			return map[string]any{"email_address": soc, "id": h.inbox(0).ImmutableID, "get_headers": false, "get_unique_body": true, "body_format": "text"}
		}},
		{"mail-move", "mail.move", func(h *house) map[string]any {
			return map[string]any{"email_address": soc, "id": h.inbox(0).ImmutableID, "folder": "Archive"}
		}},
		{"mail-move-default-id", "mail.move", func(h *house) map[string]any {
			return map[string]any{"email_address": soc, "id": h.inbox(0).ID, "folder": "archive", "get_folder_id": false}
		}},
		{"mail-move-nowhere", "mail.move", func(h *house) map[string]any {
			return map[string]any{"email_address": soc, "id": h.inbox(0).ImmutableID, "folder": "Inbox"}
		}},
		{"mail-copy", "mail.copy", func(h *house) map[string]any {
			return map[string]any{"email_address": soc, "id": h.inbox(0).ImmutableID, "folder": "Archive"}
		}},
		{"mail-update", "mail.update", func(h *house) map[string]any {
			return map[string]any{"email_address": soc, "id": h.inbox(0).ImmutableID, "category": "Phishing, Fälle", "is_read": true}
		}},
		{"mail-delete", "mail.delete", func(h *house) map[string]any {
			return map[string]any{"email_address": soc, "id": h.inbox(0).ImmutableID}
		}},
		{"mail-trash", "mail.delete", func(h *house) map[string]any {
			return map[string]any{"email_address": soc, "id": h.inbox(0).ImmutableID, "mode": "trash"}
		}},
		{"mail-purge", "mail.delete", func(h *house) map[string]any {
			return map[string]any{"email_address": soc, "id": h.inbox(0).ImmutableID, "mode": "purge"}
		}},
		{"mail-delete-dry", "mail.delete", func(h *house) map[string]any {
			return map[string]any{"email_address": soc, "id": h.inbox(0).ImmutableID, "dry_run": true}
		}},
		{"mail-report", "mail.report", func(h *house) map[string]any {
			return map[string]any{"user_id": soc, "message_id": h.inbox(0).ImmutableID, "report_action": "PHISH", "is_message_move_requested": true}
		}},
		{"mail-send", "mail.send", func(*house) map[string]any {
			return map[string]any{
				"from_email": soc, "to": `"Okafor, Dana" <dana@contoso.example>; alex@contoso.example`, "cc": "soc@contoso.example",
				"subject": "Pâté ✓", "body": "<p>Hello</p>", "body_is_html": true, "importance": "high", "reply_to": alex,
				"headers":     []string{"X-Case: 4711"},
				"attachments": []any{map[string]any{"name": "Grüße.txt", "content_type": "text/plain", "content": "aGVsbG8="}},
			}
		}},
		{"mail-send-reply", "mail.send", func(h *house) map[string]any {
			return map[string]any{
				"from_email": soc, "to": dana, "subject": "RE: " + h.inbox(0).Subject, "body": "Thanks.", "in_reply_to": h.inbox(0).InternetMessageID,
			}
		}},
		{"mail-send-alternative", "mail.send", func(*house) map[string]any {
			return map[string]any{
				"from_email": soc, "to": `"Okafor, Dana" <dana@contoso.example>`, "bcc": alex, "subject": "Pâté ✓",
				"body": "<p>Hello</p>", "body_is_html": true, "body_text": "Hello", "headers": []string{"x-case: Fall 4711"},
			}
		}},
		{"mail-send-dry", "mail.send", func(*house) map[string]any {
			return map[string]any{
				"from_email": soc, "to": dana, "subject": "s", "body": "b", "dry_run": true,
				"name": "a.txt", "content": "aGVsbG8=",
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := mailHouse(t, graphtest.WithClock(noon))
			parameters := test.parameters(h)
			h.graph.ResetJournal()
			result := h.must(t, test.action, parameters)
			compareGolden(t, filepath.Join("testdata", "actions", test.name+".golden"), h.golden(t, result))
		})
	}
}

// inbox is the message at a place of the sample mailbox's Inbox, the newest first.
func (h *house) inbox(i int) graphtest.Message { return h.tenant.SOC.Messages("Inbox")[i] }

// TestMailWritesTakeEffectOnce goes through every write of the mail plugin with every fault, before its effect and after. Whatever the
// action says, the mailbox must hold the effect once or not at all; success means once, and a failure that is not outcome_unknown none.
func TestMailWritesTakeEffectOnce(t *testing.T) {
	faults := []struct {
		name  string
		fault graphtest.Fault
	}{
		{"504 before", graphtest.Fault{Status: 504}},
		{"504 after", graphtest.Fault{Status: 504, AfterEffect: true}},
		{"502 before", graphtest.Fault{Status: 502, HTML: true}},
		{"500 after", graphtest.Fault{Status: 500, AfterEffect: true}},
		{"cut before", graphtest.Fault{Close: true}},
		{"cut after", graphtest.Fault{Close: true, AfterEffect: true}},
		{"truncated", graphtest.Fault{Kind: graphtest.Truncate}},
		{"broken off", graphtest.Fault{Kind: graphtest.BreakOff}},
		{"429", graphtest.Fault{Status: 429}},
		{"503 with Retry-After", graphtest.Fault{Status: 503, RetryAfter: 1}},
		{"503 without", graphtest.Fault{Status: 503}},
		{"403", graphtest.Fault{Status: 403}},
		{"always 504", graphtest.Fault{Status: 504, Times: -1}},
		{"always 504 after", graphtest.Fault{Status: 504, AfterEffect: true, Times: -1}},
	}
	const message = "/users/{user}/messages/{message}"
	for _, write := range []struct {
		name, method, path, action string
		parameters                 func(h *house) map[string]any
		// effects counts how often the effect is there: messages in a folder, or mails delivered.
		effects func(h *house) int
	}{
		{"move", "POST", message + "/move", "mail.move", func(h *house) map[string]any {
			return map[string]any{"email_address": soc, "id": h.inbox(0).ImmutableID, "folder": "archive"}
		}, inFolder("archive")},
		{"copy", "POST", message + "/copy", "mail.copy", func(h *house) map[string]any {
			return map[string]any{"email_address": soc, "id": h.inbox(0).ImmutableID, "folder": "archive"}
		}, inFolder("archive")},
		{"update", "PATCH", message, "mail.update", func(h *house) map[string]any {
			return map[string]any{"email_address": soc, "id": h.inbox(0).ImmutableID, "category": fmt.Sprint("Once ", len(h.graph.Journal()))}
		}, func(h *house) int { return strings.Count(string(h.inbox(0).JSON), `"Once `) }},
		{"delete", "DELETE", message, "mail.delete", func(h *house) map[string]any {
			return map[string]any{"email_address": soc, "id": h.inbox(0).ImmutableID}
		}, inFolder("deleteditems")},
		{"trash", "POST", message + "/move", "mail.delete", func(h *house) map[string]any {
			return map[string]any{"email_address": soc, "id": h.inbox(0).ImmutableID, "mode": "trash"}
		}, inFolder("deleteditems")},
		{"report", "POST", message + "/reportMessage", "mail.report", func(h *house) map[string]any {
			return map[string]any{"user_id": soc, "message_id": h.inbox(0).ImmutableID, "report_action": "phish", "is_message_move_requested": true}
		}, inFolder("junkemail")},
		{"purge", "POST", message + "/permanentDelete", "mail.delete", func(h *house) map[string]any {
			return map[string]any{"email_address": soc, "id": h.inbox(0).ImmutableID, "mode": "purge"}
		}, func(h *house) int { return -len(h.tenant.SOC.Messages("Inbox")) }},
		{"draft", "POST", "/users/{user}/messages", "mail.send", oneMail, delivered},
		{"attach", "POST", message + "/attachments", "mail.send", oneMail, delivered},
		{"send", "POST", message + "/send", "mail.send", oneMail, delivered},
	} {
		h := mailHouse(t)
		for i := range faults {
			deliver(t, h.tenant.SOC, "Fri, 02 Jan 2026 01:00:00 +0000", fmt.Sprint("message ", i))
		}
		for _, f := range faults {
			t.Run(write.name+"/"+f.name, func(t *testing.T) {
				parameters := write.parameters(h)
				before := write.effects(h)
				fault := f.fault
				fault.Method, fault.Path = write.method, write.path
				h.graph.Fault(fault)
				_, err := h.run(t, write.action, parameters)
				h.graph.ClearFaults()
				n := write.effects(h) - before
				switch {
				case n != 0 && n != 1:
					t.Errorf("the effect is there %d times: %v", n, err)
				case err == nil && n != 1:
					t.Error("the action succeeded without its effect")
				case err != nil && !errors.Is(err, abi.OutcomeUnknown) && n != 0:
					t.Errorf("the effect is there, and the action says %v", err)
				}
			})
		}
	}
}

func oneMail(*house) map[string]any {
	return map[string]any{"from_email": soc, "to": dana, "subject": "once", "body": "b", "name": "a.txt", "content": "aGVsbG8="}
}

// inFolder counts the messages of a folder of the sample mailbox.
func inFolder(name string) func(*house) int {
	return func(h *house) int { return len(h.tenant.SOC.Messages(name)) }
}

func delivered(h *house) int { return len(h.graph.Delivered()) }

// TestMailWritesAreConfirmed shows that a write whose answer was lost is found out to have happened.
func TestMailWritesAreConfirmed(t *testing.T) {
	for _, test := range []struct {
		path, action string
		parameters   func(h *house) map[string]any
	}{
		{"/users/{user}/messages/{message}/move", "mail.move", func(h *house) map[string]any {
			return map[string]any{"email_address": soc, "id": h.inbox(0).ImmutableID, "folder": "archive"}
		}},
		{"/users/{user}/messages/{message}/copy", "mail.copy", func(h *house) map[string]any {
			return map[string]any{"email_address": soc, "id": h.inbox(0).ImmutableID, "folder": "archive"}
		}},
		{"/users/{user}/messages/{message}/permanentDelete", "mail.delete", func(h *house) map[string]any {
			return map[string]any{"email_address": soc, "id": h.inbox(0).ImmutableID, "mode": "purge"}
		}},
		{"/users/{user}/messages/{message}/attachments", "mail.send", oneMail},
		{"/users/{user}/messages/{message}/send", "mail.send", oneMail},
	} {
		t.Run(test.path, func(t *testing.T) {
			h := mailHouse(t)
			parameters := test.parameters(h)
			h.graph.Fault(graphtest.Fault{Method: "POST", Path: test.path, Status: 504, AfterEffect: true})
			h.must(t, test.action, parameters)
		})
	}
}

// TestMailReadsOutlastAFlakyGraph lets every second request of a read fail, in each way that passes.
func TestMailReadsOutlastAFlakyGraph(t *testing.T) {
	h := mailHouse(t)
	id := h.withAttachment(t)
	reads := map[string]map[string]any{
		"mail.get":            {"email_address": soc, "id": id, "download_attachments": true, "download_email": true},
		"mail.get_properties": {"email_address": soc, "id": id, "download_attachments": true},
		"mail.list":           {"email_address": soc, "folder": "Inbox"},
		"mail.search":         {"email_address": soc, "body": "the", "search_well_known_folders": true},
	}
	for name, fault := range map[string]graphtest.Fault{
		"429":            {Status: 429},
		"503":            {Status: 503, RetryAfter: 1},
		"a gateway":      {Status: 502, HTML: true},
		"a cut":          {Close: true},
		"half an answer": {Kind: graphtest.Truncate},
		"a broken list":  {Kind: graphtest.BreakOff},
	} {
		for action, parameters := range reads {
			if fault.Kind == graphtest.BreakOff && parameters["download_attachments"] == true {
				continue // of bytes that are not JSON nobody can tell
			}
			t.Run(name+"/"+action, func(t *testing.T) {
				want := h.must(t, action, parameters)
				fault.Path, fault.Every, fault.Times = "", 2, -1
				h.graph.Fault(fault)
				defer h.graph.ClearFaults()
				got := h.must(t, action, parameters)
				if diff := cmp.Diff(want.Data, got.Data); diff != "" {
					t.Errorf("the rows differ (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestMailReportGoesToTheBetaVersionWhereTheGrantAllowsIt(t *testing.T) {
	parameters := func(h *house, moving bool) map[string]any {
		return map[string]any{"user_id": soc, "message_id": h.inbox(0).ImmutableID, "report_action": "phish", "is_message_move_requested": moving}
	}
	h := mailHouse(t)
	if told := row(t, h.must(t, "mail.report", parameters(h, false))); !told.Reported || told.Moved {
		t.Errorf("a report: %+v", told)
	}
	if told := row(t, h.must(t, "mail.report", parameters(h, true))); !told.Reported || !told.Moved {
		t.Errorf("a report with a move: %+v", told)
	}
	h = furnish(t, furnishing{
		grants: strings.Replace(mailGrants, "beta = true\n", "", 1), plugins: []string{"../plugins/mail"}, inProcess: true,
		roles: []string{"Mail.Read", "Mail.ReadWrite"},
	})
	if told := row(t, h.must(t, "mail.report", parameters(h, true))); told.Reported || !told.Moved {
		t.Errorf("without the beta version: %+v", told)
	}
	for _, r := range h.journal() {
		if strings.Contains(r.Template, "reportMessage") {
			t.Errorf("%s left although the grant does not allow the beta version", r.Template)
		}
	}
	_, err := h.run(t, "mail.report", parameters(h, false))
	if !errors.Is(err, abi.NotSupported) || !strings.Contains(err.Error(), "beta = true") {
		t.Errorf("a report alone without the beta version: %v", err)
	}
}

func TestMailSendTellsThatNobodyKnows(t *testing.T) {
	h := mailHouse(t)
	h.graph.Fault(graphtest.Fault{Method: "POST", Path: "/users/{user}/messages/{message}/send", Status: 504})
	_, err := h.run(t, "mail.send", oneMail(h))
	if !errors.Is(err, abi.OutcomeUnknown) || len(h.graph.Delivered()) != 0 {
		t.Errorf("%v, %d delivered", err, len(h.graph.Delivered()))
	}
}

func TestMailSendTakesADraftAwayThatItDoesNotSend(t *testing.T) {
	h := mailHouse(t)
	h.graph.Fault(graphtest.Fault{Method: "POST", Path: "/users/{user}/messages/{message}/attachments", Status: 413})
	if _, err := h.run(t, "mail.send", oneMail(h)); !errors.Is(err, abi.TooLarge) {
		t.Errorf("mail.send: %v", err)
	}
	if drafts := h.tenant.SOC.Messages("Drafts"); len(drafts) != 0 {
		t.Errorf("%d drafts are left", len(drafts))
	}
}

func TestMailSendGoesInOneRequestWithoutTheGrantForDrafts(t *testing.T) {
	h := furnish(t, furnishing{
		grants: strings.Replace(mailGrants, `"mail.draft", `, "", 1), plugins: []string{"../plugins/mail"}, inProcess: true,
	})
	if sent := row(t, h.must(t, "mail.send", oneMail(h))); sent.Path != "sendMail" || sent.MessageID != "" {
		t.Errorf("sent %+v", sent)
	}
	if n := len(h.graph.Delivered()); n != 1 {
		t.Errorf("%d delivered", n)
	}
}

func TestMailSendOfADraftKeepsToTheRecipientsOfTheGrant(t *testing.T) {
	h := furnish(t, furnishing{
		grants:  mailGrants + "[grant.mail.only]\nrecipients = [\"*@contoso.example\"]\n",
		plugins: []string{"../plugins/mail"}, inProcess: true, roles: []string{"Mail.Read", "Mail.ReadWrite", "Mail.Send"},
	})
	if sent := row(t, h.must(t, "mail.send", oneMail(h))); sent.Path != "draft" {
		t.Errorf("sent by %s", sent.Path)
	}
	elsewhere := oneMail(h)
	elsewhere["to"] = "mallory@elsewhere.example"
	if _, err := h.run(t, "mail.send", elsewhere); !errors.Is(err, abi.PolicyDenied) {
		t.Errorf("a mail to elsewhere: %v", err)
	}
	elsewhere["dry_run"] = true
	if tried := row(t, h.must(t, "mail.send", elsewhere)); tried.Allowed || tried.Requests[0].Decision != "denied" {
		t.Errorf("a dry run to elsewhere: %+v", tried)
	}
	inside := oneMail(h)
	inside["dry_run"] = true
	if tried := row(t, h.must(t, "mail.send", inside)); !tried.Allowed {
		t.Errorf("a dry run inside: %+v", tried)
	}
	answer := oneMail(h)
	answer["in_reply_to"] = h.inbox(0).ImmutableID
	h.must(t, "mail.send", answer) // to Dana, whatever Graph put into the draft
	answer["to"] = "mallory@elsewhere.example"
	if _, err := h.run(t, "mail.send", answer); !errors.Is(err, abi.PolicyDenied) {
		t.Errorf("an answer to elsewhere: %v", err)
	}
	if n := len(h.graph.Delivered()); n != 2 {
		t.Errorf("%d delivered", n)
	}
}

func TestMailSendWithAPlainTextAlternativeSendsBoth(t *testing.T) {
	h := mailHouse(t)
	const picture = "\x89PNG\r\n\x1a\n"
	store, err := h.Blobs()
	if err != nil {
		t.Fatal(err)
	}
	notes, err := store.NewSet(100).Create(t.Context(), strings.NewReader("the notes"), "")
	if err != nil {
		t.Fatal(err)
	}
	h.must(t, "mail.send", map[string]any{
		"from_email": soc, "to": `"Okafor, Dana" <dana@contoso.example>`, "bcc": alex, "subject": "Grüße ✓", "body": `<img src="cid:pic">`,
		"body_is_html": true, "body_text": "no picture here",
		"attachments": []any{
			map[string]any{"name": "bild.png", "content_type": "image/png", "content": base64.StdEncoding.EncodeToString([]byte(picture)), "is_inline": true, "content_id": "pic"},
			map[string]any{"name": "Größe.txt", "content": map[string]any{"$blob": notes.Name}},
		},
	})
	if n := len(h.tenant.Alex.Messages("Inbox")); len(h.graph.Delivered()) == 0 || n == 0 {
		t.Errorf("the blind copy holds %d messages", n)
	}
	received := h.tenant.Dana.Messages("Inbox")[0]
	got := h.must(t, "mail.get", map[string]any{"email_address": dana, "id": received.ImmutableID, "download_attachments": true, "download_email": true})
	whole := rowAs[struct {
		Subject     string
		Body        struct{ ContentType, Content string }
		Attachments []struct {
			Name, Blob string
			IsInline   bool
		}
		Email struct{ Blob string }
	}](t, got, 0)
	if whole.Subject != "Grüße ✓" || whole.Body.ContentType != "html" || !strings.Contains(whole.Body.Content, "cid:pic") {
		t.Errorf("received %+v", whole)
	}
	if a := whole.Attachments; len(a) != 2 || a[1].Name != "bild.png" || !a[1].IsInline || h.blob(t, a[1].Blob) != picture ||
		a[0].Name != "Größe.txt" || h.blob(t, a[0].Blob) != "the notes" {
		t.Errorf("attached are %+v", a)
	}
	if source := h.blob(t, whole.Email.Blob); !strings.Contains(source, "multipart/alternative") ||
		!strings.Contains(source, base64.StdEncoding.EncodeToString([]byte("no picture here"))) {
		t.Errorf("the message has no alternative:\n%s", source)
	}
}

func TestMailSendTakesLargeAttachmentsFromBlobs(t *testing.T) {
	h := mailHouse(t)
	store, err := h.Blobs()
	if err != nil {
		t.Fatal(err)
	}
	const size = 7_000_000
	set := store.NewSet(size)
	blob, err := set.Create(t.Context(), strings.NewReader(strings.Repeat("0123456789", size/10)), "")
	if err != nil {
		t.Fatal(err)
	}
	result := h.must(t, "mail.send", map[string]any{
		"from_email": soc, "to": dana, "subject": "large", "body": "b",
		"attachments": []any{
			map[string]any{"name": "large.bin", "blob": blob.Name},
			map[string]any{"name": "small.txt", "content": "aGVsbG8="},
		},
	})
	if len(result.Blobs) != 0 {
		t.Errorf("the given blob is told as a saved one: %v", result.Blobs)
	}
	received := h.tenant.Dana.Messages("Inbox")[0]
	got := h.must(t, "mail.get", map[string]any{"email_address": dana, "id": received.ImmutableID, "download_attachments": true})
	var whole struct {
		Attachments []struct {
			Name, SHA256 string
			Bytes        int64
		}
	}
	if err := json.Unmarshal(got.Data[0], &whole); err != nil {
		t.Fatal(err)
	}
	if a := whole.Attachments; len(a) != 2 || a[0].SHA256 != blob.SHA256 || a[0].Bytes != size || a[1].Bytes != 5 {
		t.Errorf("received %+v", a)
	}
	_, err = h.run(t, "mail.send", map[string]any{
		"from_email": soc, "to": dana, "subject": "s", "body": "b", "name": "x", "blob": "sha256:" + strings.Repeat("0", 64),
	})
	if !errors.Is(err, abi.InvalidInput) {
		t.Errorf("a blob that is not there: %v", err)
	}
}

func TestOlderNamesOfParametersAreTaken(t *testing.T) {
	h := mailHouse(t)
	result := h.must(t, "mail.get", map[string]any{"email_address": soc, "id": h.inbox(0).ImmutableID, "extract_headers": false})
	if !strings.Contains(string(result.Parameter), `"get_headers":false`) || strings.Contains(string(result.Parameter), "extract_headers") {
		t.Errorf("the parameters are %s", result.Parameter)
	}
	_, err := h.run(t, "mail.get", map[string]any{"email_address": soc, "id": "x", "extract_headers": false, "get_headers": true})
	if !errors.Is(err, abi.InvalidInput) {
		t.Errorf("both names: %v", err)
	}
}

func TestMailSendRehearsesWithoutSending(t *testing.T) {
	h := mailHouse(t)
	parameters := oneMail(h)
	parameters["dry_run"] = true
	h.graph.ResetJournal()
	tried := row(t, h.must(t, "mail.send", parameters))
	if !tried.Allowed || len(tried.Requests) != 3 || tried.Path != "draft" {
		t.Errorf("the dry run tells %+v", tried)
	}
	if n := len(h.journal()); n != 0 {
		t.Errorf("%d requests left", n)
	}
	for _, r := range h.record(t) {
		if r.Op == abi.OpGraph && r.Message != "dry run: would be sent, and was not" {
			t.Errorf("the audit record says %+v", r)
		}
	}
}

func TestMailActionsTellWhatIsWrong(t *testing.T) {
	h := mailHouse(t)
	id := h.inbox(0).ImmutableID
	const messages = "/users/{user}/messages/{message}"
	for _, test := range []struct {
		name, action string
		parameters   map[string]any
		fault        *graphtest.Fault
		want         abi.Code
	}{
		{"a damaged id", "mail.move", map[string]any{"email_address": soc, "id": "AAMk-cut", "folder": "Archive"}, nil, abi.InvalidID},
		{"a message that is gone", "mail.delete", map[string]any{"email_address": dana, "id": id}, nil, abi.NotFound},
		{"no such folder", "mail.move", map[string]any{"email_address": soc, "id": id, "folder": "Nope"}, nil, abi.NotFound},
		{"no such folder id", "mail.copy", map[string]any{"email_address": soc, "id": id, "folder": "AAMk-cut", "get_folder_id": false}, nil, abi.NotFound},
		{"no such mailbox", "mail.list", map[string]any{"email_address": "nobody@contoso.example"}, nil, abi.NotFound},
		{"nothing to change", "mail.update", map[string]any{"email_address": soc, "id": id}, nil, abi.InvalidInput},
		{"changed meanwhile, twice", "mail.update", map[string]any{"email_address": soc, "id": id, "category": "X"},
			&graphtest.Fault{Method: "PATCH", Path: messages, Status: 412, Times: -1}, abi.Conflict},
		{"a report that Graph no longer takes", "mail.report", map[string]any{"user_id": soc, "message_id": id, "report_action": "junk"},
			&graphtest.Fault{Method: "POST", Path: messages + "/reportMessage", Status: 400, Code: "BadRequest", Times: -1}, abi.NotSupported},
		{"a report of something else", "mail.report", map[string]any{"user_id": soc, "message_id": id, "report_action": "unknownFutureValue"}, nil, abi.InvalidInput},
		{"a mode that is none", "mail.delete", map[string]any{"email_address": soc, "id": id, "mode": "shred"}, nil, abi.InvalidInput},
		{"a limit of none", "mail.list", map[string]any{"email_address": soc, "limit": 0}, nil, abi.InvalidInput},
		{"a negative offset", "mail.list", map[string]any{"email_address": soc, "offset": -1}, nil, abi.InvalidInput},
		{"throttled", "mail.list", map[string]any{"email_address": soc},
			&graphtest.Fault{Path: "/users/{user}/mailFolders/{folder}/messages", Status: 429, Times: -1}, abi.Throttled},
		{"a full mailbox", "mail.copy", map[string]any{"email_address": soc, "id": id, "folder": "Archive"},
			&graphtest.Fault{Method: "POST", Path: messages + "/copy", Status: 507, Code: "ErrorQuotaExceeded", Times: -1}, abi.Quota},
		{"a mailbox out of use", "mail.get_properties", map[string]any{"email_address": soc, "id": id},
			&graphtest.Fault{Path: messages, Status: 404, Code: "MailboxNotEnabledForRESTAPI", Times: -1}, abi.MailboxUnavailable},
		{"no access", "mail.delete", map[string]any{"email_address": soc, "id": id},
			&graphtest.Fault{Method: "DELETE", Path: messages, Status: 403, Times: -1}, abi.AccessDenied},
		{"send as denied", "mail.send", oneMail(h),
			&graphtest.Fault{Method: "POST", Path: messages + "/send", Status: 403, Code: "ErrorSendAsDenied", Times: -1}, abi.AccessDenied},
		{"an answer to a message that is not there", "mail.send", map[string]any{
			"from_email": soc, "to": dana, "subject": "s", "body": "b", "in_reply_to": "<nobody@nowhere.example>"}, nil, abi.NotFound},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.fault != nil {
				h.graph.Fault(*test.fault)
				defer h.graph.ClearFaults()
			}
			if _, err := h.run(t, test.action, test.parameters); !errors.Is(err, test.want) {
				t.Errorf("%v; want %s", err, test.want)
			}
		})
	}
}

func TestMailListDoesNotDriftWhileMailArrives(t *testing.T) {
	h := mailHouse(t)
	box, err := h.graph.AddMailbox("busy@contoso.example")
	if err != nil {
		t.Fatal(err)
	}
	const count = 350
	for i := range count {
		deliver(t, box, fmt.Sprintf("Fri, 02 Jan 2026 %02d:%02d:%02d +0000", 1+i/120, i/2%60, 0), fmt.Sprintf("message %d", i))
	}
	for _, test := range []struct{ limit, offset, want int }{{1000, 0, count}, {250, 0, 250}, {1000, 300, 50}, {100, 0, 100}, {101, 200, 101}} {
		result := h.must(t, "mail.list", map[string]any{"email_address": "busy@contoso.example", "limit": test.limit, "offset": test.offset})
		seen := map[string]bool{}
		for _, data := range result.Data {
			var r mailRow
			if err := json.Unmarshal(data, &r); err != nil {
				t.Fatal(err)
			}
			seen[r.ID] = true
		}
		if len(result.Data) != test.want || len(seen) != test.want || result.Truncated != (test.offset+test.want < count) {
			t.Errorf("limit %d, offset %d: %d rows, %d of them different, truncated %t", test.limit, test.offset, len(result.Data), len(seen), result.Truncated)
		}
	}
}

// deliver puts a small message into an Inbox.
func deliver(tb testing.TB, box *graphtest.Mailbox, date, subject string) {
	tb.Helper()
	source := "From: ann@elsewhere.example\r\nTo: busy@contoso.example\r\nSubject: " + subject + "\r\nDate: " + date +
		"\r\nMessage-ID: <" + strings.ReplaceAll(subject, " ", ".") + "@elsewhere.example>\r\n\r\nthe needle in " + subject + "\r\n"
	if _, err := box.AddEML("Inbox", strings.NewReader(source)); err != nil {
		tb.Fatal(err)
	}
}
