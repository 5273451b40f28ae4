package graph

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/manifests/permissions"
)

var update = flag.Bool("update", false, "write the golden files anew")

// refusedRequest is one request and how Graph refuses it.
type refusedRequest struct {
	set, method, path string
	scheme            permissions.Scheme
	status            int
	code, text        string
	headers           []string
}

const (
	inThread = "/groups/{group}/threads/{thread}/reply"
	app      = permissions.Application
	person   = permissions.Delegated
)

// refusedRequests are the rows of the specification's three tables of errors: mailboxes (M), group content (G), the
// directory (D).
func refusedRequests() (rows []refusedRequest) {
	mailbox := func(status int, codes ...string) {
		for _, code := range codes {
			rows = append(rows, refusedRequest{set: "M", method: "GET", path: ofMailbox, scheme: app, status: status, code: code})
		}
	}
	mailbox(400, "ErrorInvalidIdMalformed", "ErrorInvalidUrlQueryFilter", "InefficientFilter", "BadRequest", "RequestBroker--ParseUri", "ErrorInvalidRecipients")
	mailbox(401, "InvalidAuthenticationToken")
	mailbox(403, "ErrorAccessDenied")
	rows = append(rows,
		refusedRequest{set: "M", method: "DELETE", path: ofMailbox, scheme: person, status: 403, code: "ErrorAccessDenied", text: "Access is denied."},
		refusedRequest{set: "M", method: "GET", path: ofMailbox, scheme: app, status: 403, code: "ErrorAccessDenied", text: "Access to OData is disabled: [RAOP] : Blocked."})
	mailbox(404, "ErrorItemNotFound", "ErrorInvalidUser", "MailboxNotEnabledForRESTAPI", "ResourceNotFound")
	mailbox(409, "ErrorFolderExists")
	mailbox(412, "ErrorIrresolvableConflict")
	mailbox(413, "")
	mailbox(400, "ErrorMessageSizeExceeded")
	rows = append(rows, refusedRequest{set: "M", method: "GET", path: ofMailbox, scheme: app, status: 429, code: "ApplicationThrottled", headers: []string{"Retry-After", "2.128"}})
	mailbox(429, "TooManyRequests", "ErrorTooManyRequests")
	mailbox(403, "ErrorQuotaExceeded")
	mailbox(507, "ErrorQuotaExceeded")
	mailbox(500, "", "UnknownError")
	mailbox(502, "")
	mailbox(503, "")
	mailbox(504, "")
	rows = append(rows, refusedRequest{set: "M", method: "POST", path: "/users/{user}/sendMail", scheme: app, status: 504})
	rows = append(rows,
		refusedRequest{set: "G", method: "GET", path: ofGroup, scheme: person, status: 404, code: "Request_ResourceNotFound"},
		refusedRequest{set: "G", method: "GET", path: ofGroup, scheme: person, status: 404, code: "MailboxNotEnabledForRESTAPI"},
		refusedRequest{set: "G", method: "GET", path: ofGroup, scheme: person, status: 404, code: "ErrorItemNotFound", text: "The specified object was not found in the store."},
		refusedRequest{set: "G", method: "GET", path: ofGroup, scheme: person, status: 400, code: "ErrorInvalidIdMalformed"},
		refusedRequest{set: "G", method: "POST", path: inThread, scheme: app, status: 403, code: "ErrorAccessDenied"},
		refusedRequest{set: "G", method: "POST", path: inThread, scheme: person, status: 403, code: "ErrorAccessDenied"},
		refusedRequest{set: "G", method: "GET", path: ofGroup, scheme: app, status: 403, code: "ErrorAccessDenied"})
	directory := func(status int, codes ...string) {
		for _, code := range codes {
			rows = append(rows, refusedRequest{set: "D", method: "GET", path: ofDirectory, scheme: app, status: status, code: code})
		}
	}
	directory(400, "Request_BadRequest", "Request_UnsupportedQuery")
	directory(403, "Authorization_RequestDenied")
	directory(404, "Request_ResourceNotFound")
	directory(429, "")
	return rows
}

// The golden file is what a reader sees: the code, the cause and what to do about it, for each row of the tables.
func TestEveryRowOfTheErrorTablesHasItsCodeCauseAndAdvice(t *testing.T) {
	const golden = "testdata/refusals.txt"
	var got strings.Builder
	for _, row := range refusedRequests() {
		headers := append([]string{"request-id", "11111111-2222-3333-4444-555555555555"}, row.headers...)
		envelope := fmt.Sprintf(`{"error":{"code":%q,"message":%q,"innerError":{"code":"Inner"}}}`, row.code, row.text)
		s := &sky{answers: []func() (*http.Response, error){answered(row.status, envelope, headers...)}, start: time.Now()}
		client := NewClient(parseURL(t, "https://graph.example"), &bearer{}, s, Settings{Scheme: row.scheme})
		req := &Request{Method: row.method, Template: template(t, row.path)}
		for _, name := range req.Template.Params() {
			req.Params = append(req.Params, abi.Pair{Name: name, Value: "value"})
		}
		_, _, err := client.Do(t.Context(), new(fastjson.Parser), req, nil)
		told, ok := err.(*abi.Error)
		if !ok {
			t.Fatalf("%+v: got %v", row, err)
		}
		d := told.Detail
		if d.Status != row.status || d.GraphCode != row.code || d.InnerCode != "Inner" || d.RequestID != headers[1] || d.ClientRequestID == "" || d.Time.IsZero() {
			t.Errorf("%+v: got %+v", row, d)
		}
		if len(row.headers) > 0 && d.RetryAfter != 2128*time.Millisecond {
			t.Errorf("%+v: waits %v", row, d.RetryAfter)
		}
		fmt.Fprintf(&got, "%s %s %d %s %q\n\t%s\n\t%s\n", row.set, row.scheme, row.status, row.code, row.text, told.Code, told.Message)
	}
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", golden, diff)
	}
}
