package graphtest_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postern-dev/postern/host/graphtest"
)

// catalogued is an entry of the catalogue of Postern's actions, triggers and tests: what it asks of Graph.
type catalogued struct {
	Entry    string              `json:"entry"`
	Requests []cataloguedRequest `json:"requests"`
}

type cataloguedRequest struct {
	Method  string  `json:"method"`
	Version *string `json:"version"` // nil: v1.0; empty: the token service
	// Path has placeholders, for what the test puts there for this request; Body too.
	Path string `json:"path"`
	// Body is JSON, or a text to the token service.
	Body   json.RawMessage `json:"body"`
	Status int             `json:"status"` // 0: 200 or 202, where Graph's pages leave it open
	// Application and Delegated are permissions that allow the request; none: nobody with such a token may make it.
	Application []string `json:"application"`
	Delegated   []string `json:"delegated"`
	Denied      string   `json:"denied"` // the code of a refusal for want of a permission; empty: ErrorAccessDenied
}

func loadCatalogue(t *testing.T) []catalogued {
	t.Helper()
	source, err := os.ReadFile("testdata/catalogue.json")
	if err != nil {
		t.Fatal(err)
	}
	var entries []catalogued
	if err := json.Unmarshal(source, &entries); err != nil {
		t.Fatal(err)
	}
	return entries
}

// TestCatalogue makes every request of every entry of the catalogue: in its right form, with each kind of token; without its permission; with
// a damaged id in each place that has one; with a property in its body that Graph has not.
func TestCatalogue(t *testing.T) {
	entries := loadCatalogue(t)
	const listed = 45 // actions, triggers and tests
	if len(entries) != listed {
		t.Fatalf("the catalogue has %d entries, want %d", len(entries), listed)
	}
	f := furnish(t)
	for _, entry := range entries {
		t.Run(entry.Entry, func(t *testing.T) {
			for _, request := range entry.Requests {
				t.Run(request.Method+" "+request.Path, func(t *testing.T) {
					f.t = t
					if request.Version != nil && *request.Version == "" {
						f.testTokenRequest(request)
						return
					}
					f.testKind(request, request.Application, "application", func(names []string) graphtest.Token {
						return graphtest.Token{Roles: names}
					})
					f.testKind(request, request.Delegated, "delegated", func(names []string) graphtest.Token {
						return graphtest.Token{User: "soc@contoso.example", Scopes: names}
					})
				})
			}
		})
	}
}

// furnished is a tenant in which every placeholder of the catalogue can be filled.
type furnished struct {
	*tenant
	mail   *graphtest.Mailbox
	group  *graphtest.Group
	names  []string // every permission that the catalogue names
	number int
}

const cataloguedSecret = "catalogue-secret"

func furnish(t *testing.T) *furnished {
	t.Helper()
	f := &furnished{tenant: newTenantWith(t, nil,
		graphtest.WithoutNetwork(), graphtest.WithClock(func() time.Time { return noon }),
		graphtest.WithNotifications(graphtest.Notifications{Client: &http.Client{Transport: echoing{}}}))}
	f.mail = f.mailbox("soc@contoso.example")
	f.mailbox("alex@contoso.example")
	var err error
	if f.group, err = f.AddGroup("Responders", graphtest.Members("soc@contoso.example", "alex@contoso.example"), graphtest.Owners("soc@contoso.example")); err != nil {
		t.Fatal(err)
	}
	if err := f.AddApp(graphtest.App{ClientID: "11111111-1111-4111-8111-111111111111", Secret: cataloguedSecret}); err != nil {
		t.Fatal(err)
	}
	for _, entry := range loadCatalogue(t) {
		for _, request := range entry.Requests {
			f.names = append(append(f.names, request.Application...), request.Delegated...)
		}
	}
	slices.Sort(f.names)
	f.names = slices.Compact(f.names)
	return f
}

// echoing answers validation calls as an endpoint of subscriptions should.
type echoing struct{}

func (echoing) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := newAnswer(r, http.StatusOK, r.URL.Query().Get("validationToken"))
	answer.Header.Set("Content-Type", "text/plain")
	return answer, nil
}

// fill makes new things for the placeholders of a text, and returns their values by placeholder.
func (f *furnished) fill(text string) map[string]string {
	f.t.Helper()
	f.number++
	number := strconv.Itoa(f.number)
	values := map[string]string{
		"mailbox": "soc@contoso.example", "group": f.group.ID(), "tenant": f.Tenant(), "client": "11111111-1111-4111-8111-111111111111",
		"secret": cataloguedSecret, "number": number,
	}
	wants := func(name string) bool { return strings.Contains(text, "{"+name+"}") }
	check := func(err error) {
		if err != nil {
			f.t.Fatal(err)
		}
	}
	var err error
	if wants("folder") {
		values["folder"], err = f.mail.AddFolder("Inbox/" + number)
		check(err)
	}
	if wants("message") {
		values["message"], err = f.mail.AddEML("Inbox", strings.NewReader("From: a@fabrikam.example\r\nTo: soc@contoso.example\r\nSubject: "+number+
			"\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nx\r\n"+
			"--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=a.bin\r\nContent-Transfer-Encoding: base64\r\n\r\nAQI=\r\n--b--\r\n"))
		check(err)
	}
	if wants("thread") || wants("conversation") {
		thread, err := f.group.AddThread(number, graphtest.Post{From: "alex@contoso.example", HTML: "x", Attachments: map[string][]byte{"a": {1}}})
		check(err)
		values["conversation"], values["thread"], values["post"] = thread.ConversationID, thread.ID, thread.PostIDs[0]
	}
	if wants("rule") {
		values["rule"], err = f.mail.AddRule(`{"displayName":"` + number + `","actions":{"markAsRead":true}}`)
		check(err)
	}
	const event = `{"subject":"x","start":{"dateTime":"2026-03-03T12:00:00","timeZone":"UTC"},"end":{"dateTime":"2026-03-03T13:00:00","timeZone":"UTC"}}`
	if wants("event") {
		values["event"], err = f.mail.AddEvent(event)
		check(err)
	}
	if wants("groupEvent") {
		calendar, ok := any(f.group).(interface{ AddEvent(string) (string, error) })
		if !ok {
			f.t.Fatal("groups have no events")
		}
		values["groupEvent"], err = calendar.AddEvent(event)
		check(err)
	}
	if wants("draft") {
		f.as(graphtest.Token{Roles: []string{"Mail.ReadWrite"}})
		a := f.do(http.MethodPost, "/users/soc@contoso.example/messages", `{"subject":"x","toRecipients":[{"emailAddress":{"address":"alex@contoso.example"}}]}`)
		if a.status != http.StatusCreated {
			f.t.Fatalf("a draft cannot be made: %d %s", a.status, a.body)
		}
		values["draft"], _ = a.json["id"].(string)
	}
	if wants("attachment") {
		list := "/groups/" + f.group.ID() + "/threads/" + escape(values["thread"]) + "/posts/" + escape(values["post"]) + "/attachments"
		if wants("message") {
			list = "/users/soc@contoso.example/messages/" + escape(values["message"]) + "/attachments"
		}
		f.as(graphtest.Token{User: "soc@contoso.example", Scopes: []string{"Mail.Read", "Group-Conversation.Read.All"}})
		values["attachment"] = f.want(list).column("id")[0]
	}
	return values
}

// send makes a request with the values in place of the placeholders.
func (f *furnished) send(request cataloguedRequest, values map[string]string, token graphtest.Token) answer {
	f.t.Helper()
	path, body := request.Path, string(request.Body)
	for name, value := range values {
		path = strings.ReplaceAll(path, "{"+name+"}", escape(value))
		body = strings.ReplaceAll(body, "{"+name+"}", value)
	}
	version := "v1.0"
	if request.Version != nil {
		version = *request.Version
	}
	f.as(token)
	return f.do(request.Method, f.URL+"/"+version+path, body)
}

// testKind makes a request with one kind of token.
func (f *furnished) testKind(request cataloguedRequest, names []string, kind string, token func(names []string) graphtest.Token) {
	f.t.Helper()
	denied := request.Denied
	if denied == "" {
		denied = "ErrorAccessDenied"
	}
	refusedForWant := func(a answer) {
		f.t.Helper()
		if kind == "application" && strings.HasPrefix(request.Path, "/me") {
			f.refused(a, http.StatusBadRequest, "BadRequest")
			return
		}
		f.refused(a, http.StatusForbidden, denied)
	}
	fill := func() map[string]string {
		f.t.Helper()
		return f.fill(request.Path + string(request.Body))
	}
	if len(names) == 0 {
		refusedForWant(f.send(request, fill(), token(f.names)))
		return
	}
	if a := f.send(request, fill(), token(names)); a.status != request.Status && !(request.Status == 0 && (a.status == http.StatusOK || a.status == http.StatusAccepted)) {
		f.t.Errorf("with %s %v: answered %d %s, want %d", kind, names, a.status, a.body, request.Status)
		return // the refusals would be those of a request that nobody can make
	}
	refusedForWant(f.send(request, fill(), token([]string{"openid"})))

	for _, place := range []string{"folder", "message", "draft", "attachment", "conversation", "thread", "post", "rule", "event", "groupEvent"} {
		if strings.Contains(request.Path, "{"+place+"}") {
			values := fill()
			values[place] = strings.ToLower(values[place])
			f.refused(f.send(request, values, token(names)), http.StatusBadRequest, "ErrorInvalidIdMalformed")
		}
	}
	if strings.Contains(request.Path, "{group}") {
		values := fill()
		values["group"] = values["group"][1:]
		f.refused(f.send(request, values, token(names)), http.StatusBadRequest, "Request_BadRequest")
	}
	if request.Body != nil {
		unknown := request
		unknown.Body = append([]byte(`{"colour":"red",`), request.Body[1:]...)
		f.refused(f.send(unknown, fill(), token(names)), http.StatusBadRequest, "RequestBodyRead")
	}
}

// testTokenRequest makes a request for a token: the right one, one with a wrong secret, and one of an application that is not there.
func (f *furnished) testTokenRequest(request cataloguedRequest) {
	f.t.Helper()
	for name, test := range map[string]struct {
		values map[string]string
		status int
		code   string
	}{
		"right":        {f.fill(""), http.StatusOK, ""},
		"wrong secret": {map[string]string{"secret": "x"}, http.StatusUnauthorized, "invalid_client"},
		"nobody":       {map[string]string{"client": "22222222-2222-4222-8222-222222222222"}, http.StatusBadRequest, "unauthorized_client"},
	} {
		values := f.fill("")
		for place, value := range test.values {
			values[place] = value
		}
		path, body := request.Path, ""
		if err := json.Unmarshal(request.Body, &body); err != nil {
			f.t.Fatal(err)
		}
		for place, value := range values {
			path, body = strings.ReplaceAll(path, "{"+place+"}", value), strings.ReplaceAll(body, "{"+place+"}", url.QueryEscape(value))
		}
		a := f.do(request.Method, f.URL+path, body, "Content-Type", "application/x-www-form-urlencoded")
		if code, _ := a.json["error"].(string); a.status != test.status || code != test.code {
			f.t.Errorf("%s: answered %d %s, want %d %s", name, a.status, a.body, test.status, test.code)
		}
	}
}
