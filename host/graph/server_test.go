package graph

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/blob"
	"github.com/postern-dev/postern/host/dial"
)

// canary is the token of the tests: no answer may bring it back.
const canary = "eyJ0eXAiOiJKV1Qi.canary-token-of-the-tests.c2lnbmF0dXJl"

// bearer authorises with one token, and with another after each renewal.
type bearer struct{ renewals atomic.Int64 }

func (b *bearer) Authorize(_ context.Context, req *http.Request) error {
	req.Header.Set("Authorization", fmt.Sprintf("Bearer %s%d", canary, b.renewals.Load()))
	return nil
}

func (b *bearer) Renew(ctx context.Context, req *http.Request) error {
	b.renewals.Add(1)
	return b.Authorize(ctx, req)
}

// upstream is a server that stands where Graph does, and a client of it.
type upstream struct {
	*Client
	server *httptest.Server
	auth   *bearer
	blobs  *blob.Set
	hits   atomic.Int64

	mu   sync.Mutex
	last *http.Request
	body string
}

// serve starts a server over TLS and HTTP/1.1. Each request is counted, and its
// body read, before handle answers it.
func serve(t *testing.T, handle http.HandlerFunc) *upstream {
	return start(t, false, func(w http.ResponseWriter, r *http.Request, _ *upstream) { handle(w, r) })
}

func start(t *testing.T, http2 bool, handle func(http.ResponseWriter, *http.Request, *upstream)) *upstream {
	t.Helper()
	u := &upstream{auth: &bearer{}}
	u.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.hits.Add(1)
		body, _ := io.ReadAll(r.Body)
		u.mu.Lock()
		u.last, u.body = r, string(body)
		u.mu.Unlock()
		handle(w, r, u)
	}))
	u.server.EnableHTTP2 = http2
	u.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	u.server.StartTLS()
	t.Cleanup(u.server.Close)
	u.Client = u.client(t, nil)
	store, err := blob.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	u.blobs = store.NewSet(1 << 20)
	return u
}

// client makes a client of the server that trusts its certificate, and goes to other hosts of this machine if they are named.
func (u *upstream) client(t *testing.T, limit *Limit, others ...string) *Client {
	t.Helper()
	at := u.server.Listener.Addr().String()
	transport := NewTransport(dial.Way{
		Roots: u.server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs,
		Named: append(others, at, strings.Replace(at, "127.0.0.1", "localhost", 1)),
	})
	t.Cleanup(transport.CloseIdleConnections)
	return NewClient(parseURL(t, u.server.URL), u.auth, transport, Settings{Limit: limit, UserAgent: "postern/test"})
}

func (u *upstream) do(t *testing.T, req *Request) (*Answer, error) {
	t.Helper()
	answer, _, err := u.Do(t.Context(), new(fastjson.Parser), req, u.blobs)
	return answer, err
}

// seen returns the last request and its body.
func (u *upstream) seen() (*http.Request, string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.last, u.body
}

func messages(t testing.TB) *Request {
	return &Request{Method: "GET", Template: template(t, "/users/{user}/messages"), Params: []abi.Pair{{Name: "user", Value: "soc@contoso.example"}}}
}

func sendMail(t testing.TB) *Request {
	return &Request{
		Method: "POST", Template: template(t, "/users/{user}/sendMail"), Params: []abi.Pair{{Name: "user", Value: "soc@contoso.example"}},
		Body: tree(t, `{"message":{"subject":"x"}}`),
	}
}

func tree(t testing.TB, text string) *fastjson.Value {
	t.Helper()
	v, err := abi.Parse(new(fastjson.Parser), []byte(text), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func answerJSON(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, body)
}

// wantError checks the code of an error, and that it is one that can be shown:
// whole, with advice, and without the token.
func wantError(t *testing.T, err error, code abi.Code) *abi.Error {
	t.Helper()
	var failure *abi.Error
	if !errors.As(err, &failure) {
		t.Fatalf("got %v, want %s", err, code)
	}
	if failure.Code != code {
		t.Errorf("got %v, want %s", failure, code)
	}
	if failure.Message == "" {
		t.Error("the error says nothing")
	}
	if text := string(failure.AppendJSON(nil)); strings.Contains(text, "canary") {
		t.Errorf("the token is in the error %s", text)
	}
	return failure
}

func text(v *fastjson.Value) string {
	if v == nil {
		return ""
	}
	return string(abi.AppendValue(nil, v))
}

// address is a page of the server's API.
func (u *upstream) address(path string) string { return u.server.URL + apiVersion + path }
