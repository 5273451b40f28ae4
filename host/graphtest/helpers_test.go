package graphtest_test

import (
	"bytes"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/postern-dev/postern/host/graphtest"
)

// noon is the time at every test's server, unless the test moves it.
var noon = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

// tenant is a server with the clock at noon, and a client for it.
type tenant struct {
	*graphtest.Server
	t     *testing.T
	http  *http.Client
	token string
}

// newTenant starts a server without network; the token of its requests has the roles.
func newTenant(t *testing.T, roles ...string) *tenant {
	t.Helper()
	return newTenantWith(t, roles, graphtest.WithoutNetwork(), graphtest.WithClock(func() time.Time { return noon }))
}

func newTenantWith(t *testing.T, roles []string, options ...graphtest.Option) *tenant {
	t.Helper()
	server, err := graphtest.NewServer(append(options, graphtest.CheckAnswers(t.Errorf))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	n := &tenant{Server: server, t: t, http: server.Client()}
	n.as(graphtest.Token{Roles: roles})
	return n
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

// do sends a request to Graph. The path is below /v1.0; extra headers come in pairs.
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

// panicf reports what a fuzz target's server finds: a fuzz target has a T of its own for each input, and the server is older.
func panicf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

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

// newAnswer makes the answer of an endpoint that is a part of the test.
func newAnswer(r *http.Request, status int, body string) *http.Response {
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}
}
