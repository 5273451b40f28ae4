package graphtest_test

import (
	"bytes"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/postern-dev/postern/host/graphtest"
	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

// noon is the time at every test's server, unless the test moves it.
var noon = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

// tenant is a server with the clock at noon, and a client for it.
type tenant struct {
	*graphtest.Server
	t     *testing.T
	http  *http.Client
	types *schema.Schema
	token string
}

// newTenant starts a server without network; the token of its requests has the roles.
func newTenant(t *testing.T, roles ...string) *tenant {
	t.Helper()
	return newTenantWith(t, roles, graphtest.WithoutNetwork(), graphtest.WithClock(func() time.Time { return noon }))
}

func newTenantWith(t *testing.T, roles []string, options ...graphtest.Option) *tenant {
	t.Helper()
	server, err := graphtest.NewServer(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	n := &tenant{Server: server, t: t, http: server.Client(), types: loadTypes(t)}
	n.as(graphtest.Token{Roles: roles})
	return n
}

func loadTypes(t *testing.T) *schema.Schema {
	t.Helper()
	types, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	return types
}

// as changes the token of the requests that follow.
func (n *tenant) as(token graphtest.Token) {
	n.t.Helper()
	text, err := n.Token(token)
	if err != nil {
		n.t.Fatal(err)
	}
	n.token = text
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
	json   map[string]any
}

func (a answer) code() string {
	failure, _ := a.json["error"].(map[string]any)
	code, _ := failure["code"].(string)
	return code
}

func (a answer) rows() []map[string]any {
	list, _ := a.json["value"].([]any)
	rows := make([]map[string]any, len(list))
	for i, row := range list {
		rows[i], _ = row.(map[string]any)
	}
	return rows
}

// column gathers one property of every row.
func (a answer) column(name string) []string {
	list := []string{}
	for _, row := range a.rows() {
		text, _ := row[name].(string)
		list = append(list, text)
	}
	return list
}

// do sends a request to Graph. The path is below /v1.0; extra headers come in pairs. Every answer is checked against the metadata.
func (n *tenant) do(method, path, body string, headers ...string) answer {
	n.t.Helper()
	target := path
	if !strings.HasPrefix(path, "https:") {
		target = n.URL + "/v1.0" + path
	}
	request, err := http.NewRequestWithContext(n.t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	if n.token != "" {
		request.Header.Set("Authorization", "Bearer "+n.token)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := n.http.Do(request)
	if err != nil {
		n.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	a := answer{status: response.StatusCode, header: response.Header}
	if a.body, err = io.ReadAll(response.Body); err != nil {
		n.t.Fatal(err)
	}
	if strings.HasPrefix(response.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(a.body, &a.json); err != nil {
			n.t.Fatalf("%s %s answered with broken JSON: %v\n%s", method, path, err, a.body)
		}
	}
	if a.status == http.StatusOK && a.json != nil {
		n.checkTypes(path, a)
	}
	return a
}

func (n *tenant) get(path string, headers ...string) answer {
	n.t.Helper()
	return n.do(http.MethodGet, path, "", headers...)
}

// want sends a GET that must succeed.
func (n *tenant) want(path string, headers ...string) answer {
	n.t.Helper()
	a := n.get(path, headers...)
	if a.status != http.StatusOK {
		n.t.Fatalf("GET %s: %d %s", path, a.status, a.body)
	}
	return a
}

// checkTypes fails the test if an answer has a property that Graph's type does not have.
func (n *tenant) checkTypes(path string, a answer) {
	n.t.Helper()
	u, err := url.Parse(path)
	if err != nil {
		n.t.Fatal(err)
	}
	typ := answeredType(u.Path)
	if typ == "" {
		return // no type of its own: {"value": …}
	}
	items := []any{a.json}
	if list, ok := a.json["value"].([]any); ok {
		items = list
	}
	for _, item := range items {
		text, err := json.Marshal(item)
		if err != nil {
			n.t.Fatal(err)
		}
		if _, err := n.types.Decode(typ, text); err != nil {
			n.t.Errorf("GET %s: the answer is no %s: %v\n%s", path, typ, err, text)
		}
	}
}

// answeredType tells the type of a path by its last collection.
func answeredType(path string) string {
	types := map[string]string{
		"users": "user", "groups": "group", "mailfolders": "mailFolder", "childfolders": "mailFolder", "messages": "message",
		"attachments": "attachment", "events": "event", "calendarview": "event", "messagerules": "messageRule",
		"conversations": "conversation", "threads": "conversationThread", "posts": "post", "me": "user",
		"attachmentsessions": "uploadSession", "calendars": "calendar", "calendar": "calendar", "instances": "event",
		"members": "directoryObject", "transitivemembers": "directoryObject", "owners": "directoryObject", "memberof": "directoryObject",
		"transitivememberof": "directoryObject", "microsoft.graph.user": "user", "microsoft.graph.group": "group", "people": "person",
		"mailboxsettings": "mailboxSettings", "automaticrepliessetting": "automaticRepliesSetting", "language": "localeInfo", "workinghours": "workingHours",
		"dateformat": "", "timeformat": "", "timezone": "", "userpurpose": "", "delegatemeetingmessagedeliveryoptions": "", "translateexchangeids": "",
	}
	found := ""
	for segment := range strings.SplitSeq(strings.ToLower(path), "/") {
		name, _, _ := strings.Cut(segment, "(")
		if typ, ok := types[name]; ok {
			found = typ
		}
	}
	return found
}

// refused checks the status and code of a refusal, and the form of its envelope.
func (n *tenant) refused(a answer, status int, code string) {
	n.t.Helper()
	if a.status != status || a.code() != code {
		n.t.Errorf("answered %d %q, want %d %q\n%s", a.status, a.code(), status, code, a.body)
	}
	failure, _ := a.json["error"].(map[string]any)
	inner, _ := failure["innerError"].(map[string]any)
	if inner["request-id"] != a.header.Get("request-id") || inner["date"] == nil || inner["client-request-id"] == nil {
		n.t.Errorf("the error envelope lacks its inner error: %s", a.body)
	}
}

func (n *tenant) mailbox(address string, options ...graphtest.MailboxOption) *graphtest.Mailbox {
	n.t.Helper()
	m, err := n.AddMailbox(address, options...)
	if err != nil {
		n.t.Fatal(err)
	}
	return m
}

// mail adds a message with a plain body.
func (n *tenant) mail(m *graphtest.Mailbox, folder, from, subject, date, body string) string {
	n.t.Helper()
	source := "From: " + from + "\r\nTo: " + m.Address() + "\r\nSubject: " + subject + "\r\nDate: " + date + "\r\n\r\n" + body
	id, err := m.AddEML(folder, strings.NewReader(source))
	if err != nil {
		n.t.Fatal(err)
	}
	return id
}

func escape(segment string) string { return url.PathEscape(segment) }

func query(pairs ...string) string {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return "?" + values.Encode()
}

func toJSON(t *testing.T, value any) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.NewEncoder(&out).Encode(value); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// rsaKey reads a public key from a key set.
func rsaKey(t *testing.T, modulus, exponent string) *rsa.PublicKey {
	t.Helper()
	n, err := base64.RawURLEncoding.DecodeString(modulus)
	if err != nil {
		t.Fatal(err)
	}
	e, err := base64.RawURLEncoding.DecodeString(exponent)
	if err != nil {
		t.Fatal(err)
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
}
