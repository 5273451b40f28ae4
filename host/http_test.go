package host_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/graphtest"
)

// requester furnishes a house with the plugin http.
func requester(t *testing.T, grant string) *house {
	t.Helper()
	return furnish(t, furnishing{inProcess: true, plugins: []string{"../plugins/http"}, grants: `
[grant.http]
version = "^1"
connections = ["contoso"]
capabilities = ["http.mail.read", "http.mail.send", "http.directory.beta"]
actions = ["graph.request"]
` + grant})
}

// answered is the row of a request.
type answered struct {
	StatusCode      int
	Headers         map[string]string
	Body            any
	ErrorCode, Next string
	Blob            string
}

func (h *house) request(t *testing.T, parameters map[string]any) answered {
	t.Helper()
	result := h.must(t, "graph.request", parameters)
	var row answered
	if err := json.Unmarshal(result.Data[0], &row); err != nil {
		t.Fatal(err)
	}
	return row
}

func TestAnyStatusIsAResultOfARequestByItsURI(t *testing.T) {
	h := requester(t, "")
	full := h.request(t, map[string]any{"Uri": h.graph.URL + "/v1.0/users/soc%40contoso.example/messages?$top=2&$select=subject", "CustomHeader1": `Prefer: IdType="ImmutableId"`})
	rows, _ := full.Body.(map[string]any)["value"].([]any)
	if full.StatusCode != http.StatusOK || len(rows) != 2 || full.Headers["content-type"] == "" || full.Headers["request-id"] == "" || !strings.HasPrefix(full.Next, "link:") {
		t.Errorf("full URI: %+v", full)
	}
	if next := h.request(t, map[string]any{"Uri": full.Next}); next.StatusCode != http.StatusOK || next.Body == nil {
		t.Errorf("next: %+v", next)
	}
	missing := h.request(t, map[string]any{"Uri": "/v1.0/users/nobody@contoso.example/messages", "Method": "GET"})
	if missing.StatusCode != http.StatusNotFound || missing.ErrorCode != "ErrorInvalidUser" || missing.Body == nil {
		t.Errorf("not found: %+v", missing)
	}
	sent := h.request(t, map[string]any{"Uri": "/v1.0/users/soc@contoso.example/sendMail", "Method": "POST", "Body": `{"message":{"subject":"s","toRecipients":[` + rDana + `]}}`})
	if sent.StatusCode != http.StatusAccepted || len(h.graph.Delivered()) != 1 {
		t.Errorf("sent: %+v", sent)
	}
	refused := h.request(t, map[string]any{"Uri": "/v1.0/users/soc@contoso.example/sendMail", "Method": "POST", "Body": `{"message":{"subject":"s"}}`, "ContentType": "application/json; charset=utf-8"})
	if refused.StatusCode != http.StatusBadRequest || refused.ErrorCode != "ErrorInvalidRecipients" {
		t.Errorf("refused: %+v", refused)
	}
	h.graph.Fault(graphtest.Fault{Path: "/users/{user}/messages", Status: 302, Header: http.Header{"Location": {"https://evil.example/v1.0/users"}}})
	if moved := h.request(t, map[string]any{"Uri": "/v1.0/users/soc@contoso.example/messages"}); moved.StatusCode != http.StatusFound || moved.Headers["location"] != "" {
		t.Errorf("redirected: %+v", moved)
	}
}

func TestSourceOfAMessageIsATextOrABlob(t *testing.T) {
	h := requester(t, "")
	list := h.request(t, map[string]any{"Uri": "/v1.0/users/soc@contoso.example/messages?$top=1&$select=id"})
	id := list.Body.(map[string]any)["value"].([]any)[0].(map[string]any)["id"].(string)
	source := h.request(t, map[string]any{"Uri": "/v1.0/users/soc@contoso.example/messages/" + id + "/$value"})
	if text, _ := source.Body.(string); source.StatusCode != http.StatusOK || source.Blob == "" && !strings.Contains(text, "Subject:") {
		t.Errorf("source: %+v", source)
	}
}

// Nobody knows whether a write was carried out that is answered with 504: that is no status to go on with.
func TestUnknownOutcomeIsNoResult(t *testing.T) {
	h := requester(t, "")
	h.graph.Fault(graphtest.Fault{Path: "/users/{user}/sendMail", Status: 504, AfterEffect: true})
	_, err := h.run(t, "graph.request", map[string]any{"Uri": "/v1.0/users/soc@contoso.example/sendMail", "Method": "POST", "Body": `{"message":{"subject":"s","toRecipients":[` + rDana + `]}}`})
	if !errors.Is(err, abi.OutcomeUnknown) || len(h.graph.Delivered()) != 1 {
		t.Errorf("Invoke: %v, delivered %d", err, len(h.graph.Delivered()))
	}
}

func TestRequestByItsURIIsJudgedLikeAnyOther(t *testing.T) {
	h := requester(t, fmt.Sprintf("[grant.http.only]\nuser = [%q]\nrecipients = [\"*@contoso.example\"]\n", soc))
	ok := "/v1.0/users/" + soc + "/messages"
	for _, test := range []struct {
		name       string
		parameters map[string]any
		want       abi.Code
	}{
		{"another mailbox", map[string]any{"Uri": "/v1.0/users/dana@contoso.example/messages"}, abi.PolicyDenied},
		{"a function for a key", map[string]any{"Uri": "/v1.0/users/" + soc + "/messages/delta"}, abi.InvalidInput},
		{"another host", map[string]any{"Uri": "https://evil.example" + ok}, abi.InvalidInput},
		{"userinfo", map[string]any{"Uri": h.graph.URL + "@evil.example" + ok}, abi.InvalidInput},
		{"a dot segment", map[string]any{"Uri": ok + "/../../" + dana + "/messages"}, abi.InvalidInput},
		{"an escaped dot segment", map[string]any{"Uri": "/v1.0/users/%2e%2e/groups"}, abi.InvalidInput},
		{"full-width dots", map[string]any{"Uri": ok + "/%EF%BC%8E%EF%BC%8E"}, abi.InvalidInput},
		{"an escaped separator", map[string]any{"Uri": "/v1.0/users/" + soc + "%2Fmessages"}, abi.InvalidInput},
		{"an escaped slash in a user's id", map[string]any{"Uri": "/v1.0/users/soc%2Fmessages/messages"}, abi.PolicyDenied},
		{"a path that no capability has", map[string]any{"Uri": "/v1.0/users/" + soc + "/drive"}, abi.PolicyDenied},
		{"a capability that is not granted", map[string]any{"Uri": "/v1.0/groups"}, abi.PolicyDenied},
		{"a method that is not allowed", map[string]any{"Uri": ok, "Method": "DELETE"}, abi.PolicyDenied},
		{"beta without a grant", map[string]any{"Uri": "/beta/users/" + soc}, abi.PolicyDenied},
		{"a batch", map[string]any{"Uri": "/v1.0/$batch", "Method": "POST", "Body": `{"requests":[{"id":"1","method":"GET","url":"/users"}]}`}, abi.PolicyDenied},
		{"an option that is not offered", map[string]any{"Uri": ok + "?$expand=attachments"}, abi.PolicyDenied},
		{"a header of the host", map[string]any{"Uri": ok, "CustomHeader5": "Authorization: Bearer x"}, abi.PolicyDenied},
		{"a header with a line break", map[string]any{"Uri": ok, "CustomHeader1": "Prefer: x\r\nHost: evil.example"}, abi.PolicyDenied},
		{"an outsider", map[string]any{"Uri": "/v1.0/users/" + soc + "/sendMail", "Method": "POST", "Body": `{"message":{"toRecipients":[` + rEve + `]}}`}, abi.PolicyDenied},
		{"an outsider in MIME source", map[string]any{"Uri": "/v1.0/users/" + soc + "/sendMail", "Method": "POST", "ContentType": "text/plain", "Body": "VG86IGV2ZUBldmlsLmV4YW1wbGUNCg0KeA=="}, abi.PolicyDenied},
		{"duplicate keys", map[string]any{"Uri": "/v1.0/users/" + soc + "/sendMail", "Method": "POST", "Body": `{"message":{},"message":{"toRecipients":[` + rEve + `]}}`}, abi.InvalidInput},
		{"a forged link", map[string]any{"Uri": "link:aHR0cHM6Ly9ldmlsLmV4YW1wbGU"}, abi.InvalidInput},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := h.run(t, "graph.request", test.parameters); !errors.Is(err, test.want) {
				t.Errorf("Invoke: %v; want %s", err, test.want)
			}
		})
	}
	if arrived := h.journal(); len(arrived) > 0 {
		t.Errorf("%d requests reached Graph: %s %s", len(arrived), arrived[0].Method, arrived[0].Path)
	}
	for _, r := range h.graph.Journal() {
		if strings.HasPrefix(r.Path, "/beta") {
			t.Errorf("%s reached Graph", r.Path)
		}
	}
}

func TestBetaIsReachedWhereManifestAndGrantSaySo(t *testing.T) {
	h := requester(t, "")
	h.narrow(t, "[grant.http]\n", "[grant.http]\nbeta = true\n")
	h.graph.Fault(graphtest.Fault{Method: "GET", Path: "/beta/users/{user}", Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: `{"id":"1"}`})
	if got := h.request(t, map[string]any{"Uri": "/beta/users/" + soc}); got.StatusCode != http.StatusOK {
		t.Errorf("beta: %+v", got)
	}
	found := false
	for _, r := range h.graph.Journal() {
		found = found || strings.HasPrefix(r.Path, "/beta/users/")
	}
	if !found {
		t.Error("nothing reached the beta version")
	}
}

// Each of the plugin's capabilities allows its own requests and no others: without it they are denied before anything is sent.
func TestRequestsByTheirURIsNeedTheirCapability(t *testing.T) {
	requests := map[string]map[string]any{
		"http.mail.read":         {"Uri": "/v1.0/users/" + soc + "/messages?$top=1"},
		"http.mail.write":        {"Uri": "/v1.0/users/" + soc + "/messages", "Method": "POST", "Body": `{"subject":"s"}`},
		"http.mail.send":         {"Uri": "/v1.0/users/" + soc + "/sendMail", "Method": "POST", "Body": `{"message":{"toRecipients":[` + rDana + `]}}`},
		"http.rule.read":         {"Uri": "/v1.0/users/" + soc + "/mailFolders/inbox/messageRules"},
		"http.calendar.read":     {"Uri": "/v1.0/users/" + soc + "/events?$top=1"},
		"http.conversation.read": {"Uri": "/v1.0/groups/3fa85f64-5717-4562-b3fc-2c963f66afa6/threads"},
		"http.directory.read":    {"Uri": "/v1.0/groups"},
		"http.directory.beta":    {"Uri": "/beta/users/" + soc},
	}
	h := requester(t, "")
	described, err := h.Describe("graph.request")
	if err != nil {
		t.Fatal(err)
	}
	if want := slices.Sorted(slices.Values(described.Capabilities)); !slices.Equal(slices.Sorted(maps.Keys(requests)), want) {
		t.Fatalf("the plugin's capabilities are %q", want)
	}
	h.narrow(t, "[grant.http]\n", "[grant.http]\nbeta = true\n")
	granted := `["http.mail.read", "http.mail.send", "http.directory.beta"]`
	for removed := range requests {
		left := slices.DeleteFunc(slices.Sorted(maps.Keys(requests)), func(id string) bool { return id == removed })
		h.narrow(t, granted, "["+quotedAll(left)+"]")
		granted = "[" + quotedAll(left) + "]"
		for capability, parameters := range requests {
			h.graph.ResetJournal()
			_, err := h.run(t, "graph.request", parameters) // Graph may refuse it: any status is a result
			if denied := errors.Is(err, abi.PolicyDenied); denied != (capability == removed) || !denied && err != nil {
				t.Errorf("without %s, a request of %s: %v", removed, capability, err)
			}
			if n := len(h.graph.Journal()); capability == removed && n > 0 {
				t.Errorf("without %s %d requests were made", removed, n)
			}
		}
	}
}

// A capability of Graph's beta version is tried there, if the grant allows that version.
func TestConnectionTestKnowsTheBetaVersion(t *testing.T) {
	h := requester(t, ownGrant)
	row := func() (found struct{ Path, Status, Message string }) {
		result, _ := h.run(t, "connection.test", nil)
		for _, r := range result.Data {
			if strings.Contains(string(r), `"http.directory.beta"`) {
				if err := json.Unmarshal(r, &found); err != nil {
					t.Fatal(err)
				}
			}
		}
		return found
	}
	if got := row(); got.Status != "not probed" || got.Path != "" || !strings.Contains(got.Message, "grant.http.beta") {
		t.Errorf("without beta in the grant: %+v", got)
	}
	h.narrow(t, "[grant.http]\n", "[grant.http]\nbeta = true\n")
	h.graph.Fault(graphtest.Fault{Method: "GET", Path: "/beta/users", Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: `{"value":[]}`})
	if got := row(); got.Status != "passed" || got.Path != "beta:/users" {
		t.Errorf("with beta in the grant: %+v", got)
	}
}
