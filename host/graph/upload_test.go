package graph

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/blob"
)

// outlook is a host of upload sessions. fault, if set, may answer a request itself, before or after it had its effect.
type outlook struct {
	*httptest.Server
	mu      sync.Mutex
	got     []byte
	total   int
	asked   []string
	tokens  int
	deleted bool
	fault   func(n int, w http.ResponseWriter, r *http.Request, effect func()) bool
}

func (o *outlook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	content, _ := io.ReadAll(r.Body)
	o.asked = append(o.asked, strings.TrimSpace(r.Method+" "+r.Header.Get("Content-Range")))
	if r.Header.Get("Authorization") != "" || r.URL.RawQuery != "authtoken=secret" {
		o.tokens++
	}
	var start, end, total int
	effect := func() {}
	if r.Method == http.MethodPut {
		if _, err := fmt.Sscanf(r.Header.Get("Content-Range"), "bytes %d-%d/%d", &start, &end, &total); err != nil || end-start+1 != len(content) || len(content) > 4<<20 {
			w.WriteHeader(400)
			return
		}
		effect = func() {
			if start == len(o.got) {
				o.got = append(o.got, content...)
			}
		}
	}
	if o.fault != nil && o.fault(len(o.asked), w, r, effect) {
		return
	}
	switch {
	case r.Method == http.MethodDelete:
		o.deleted = true
		w.WriteHeader(204)
	case r.Method == http.MethodPut && start != len(o.got):
		w.WriteHeader(416)
	default:
		if effect(); len(o.got) == o.total {
			w.Header().Set("Location", o.URL+"/api/Attachments('AAMk%3D')")
			w.WriteHeader(201)
			return
		}
		fmt.Fprintf(w, `{"expirationDateTime":"2026-01-01T00:00:00Z","nextExpectedRanges":["%d-"]}`, len(o.got))
	}
}

// session is a Graph whose upload sessions are at an outlook.
func session(t *testing.T, size int) (*outlook, *upstream, *Request) {
	t.Helper()
	o := &outlook{total: size}
	o.Server = httptest.NewUnstartedServer(o)
	o.Config.ErrorLog = log.New(io.Discard, "", 0)
	o.StartTLS()
	t.Cleanup(o.Close)
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, 201, `{"uploadUrl":"`+o.URL+`/api/session?authtoken=secret","nextExpectedRanges":["0-"]}`)
	})
	store, err := blob.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	u.blobs = store.NewSet(1 << 30)
	host := strings.TrimPrefix(o.URL, "https://")
	u.Client = u.client(t, nil, host)
	u.settings = Settings{Retry: Retry{Attempts: 3}, UploadHosts: []string{host}}
	return o, u, &Request{
		Method: "POST", Template: template(t, "/users/{user}/messages/{message}/attachments/createUploadSession"),
		Params: []abi.Pair{{Name: "user", Value: "u"}, {Name: "message", Value: "m"}},
		Body:   tree(t, `{"AttachmentItem":{"attachmentType":"file","name":"n"}}`),
		Upload: u.keep(t, bytes.Repeat([]byte{1, 2, 3, 4, 5}, size/5+1)[:size]),
	}
}

// An upload of two and a half pieces, of which the piece with a number meets a fault once or for good.
const twoAndAHalf = uploadPiece*5/2 + 3

func TestABlobGoesIntoItsSession(t *testing.T) {
	for _, size := range []int{1, uploadPiece, uploadPiece + 1, twoAndAHalf} {
		o, u, req := session(t, size)
		answer, err := u.do(t, req)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Status != 201 || string(answer.Body.GetStringBytes("id")) != "AAMk=" || len(o.got) != size || o.tokens > 0 || o.deleted {
			t.Errorf("%d bytes: got %+v with %s, %d bytes, %d with a token", size, answer, answer.Body, len(o.got), o.tokens)
		}
		if want := (size + uploadPiece - 1) / uploadPiece; len(o.asked) != want {
			t.Errorf("%d bytes: asked %q", size, o.asked)
		}
	}
}

func TestUploadsGoOnAfterWhatPasses(t *testing.T) {
	for name, fault := range map[string]func(w http.ResponseWriter, effect func()){
		"429":                         func(w http.ResponseWriter, _ func()) { w.WriteHeader(429) },
		"503 before the effect":       func(w http.ResponseWriter, _ func()) { w.WriteHeader(503) },
		"504 after the effect":        func(w http.ResponseWriter, effect func()) { effect(); w.WriteHeader(504) },
		"a cut after the effect":      func(_ http.ResponseWriter, effect func()) { effect(); panic(http.ErrAbortHandler) },
		"416 for what it has already": func(w http.ResponseWriter, effect func()) { effect(); w.WriteHeader(416) },
	} {
		t.Run(name, func(t *testing.T) {
			o, u, req := session(t, twoAndAHalf)
			o.fault = func(n int, w http.ResponseWriter, _ *http.Request, effect func()) bool {
				if n == 2 {
					fault(w, effect)
				}
				return n == 2
			}
			if answer, err := u.do(t, req); err != nil || answer.Status != 201 || len(o.got) != twoAndAHalf {
				t.Errorf("got %+v, %v; %d bytes; asked %q", answer, err, len(o.got), o.asked)
			}
		})
	}
}

func TestUploadsThatFail(t *testing.T) {
	for name, tc := range map[string]struct {
		piece int
		fault func(w http.ResponseWriter, effect func())
		want  abi.Code
	}{
		"the server fails":    {2, func(w http.ResponseWriter, _ func()) { w.WriteHeader(503) }, abi.Upstream},
		"the session is gone": {2, func(w http.ResponseWriter, _ func()) { w.WriteHeader(404) }, abi.NotFound},
		"a redirect": {1, func(w http.ResponseWriter, _ func()) {
			w.Header().Set("Location", "https://127.0.0.2/")
			w.WriteHeader(307)
		}, abi.Upstream},
		"no JSON":                        {1, func(w http.ResponseWriter, _ func()) { fmt.Fprint(w, "<html>") }, abi.Upstream},
		"a piece that there is not":      {1, func(w http.ResponseWriter, _ func()) { fmt.Fprint(w, `{"nextExpectedRanges":["999999999999-"]}`) }, abi.Upstream},
		"the same piece again":           {1, func(w http.ResponseWriter, _ func()) { fmt.Fprint(w, `{"nextExpectedRanges":["0-"]}`) }, abi.Upstream},
		"a full mailbox":                 {2, func(w http.ResponseWriter, _ func()) { w.WriteHeader(507) }, abi.Quota},
		"no answer to the last piece":    {3, func(_ http.ResponseWriter, effect func()) { effect(); panic(http.ErrAbortHandler) }, abi.OutcomeUnknown},
		"a gateway's, to the last piece": {3, func(w http.ResponseWriter, effect func()) { effect(); w.WriteHeader(504) }, abi.OutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			o, u, req := session(t, twoAndAHalf)
			o.fault = func(n int, w http.ResponseWriter, r *http.Request, effect func()) bool {
				if n < tc.piece || r.Method == http.MethodDelete {
					return false
				}
				tc.fault(w, effect)
				return true
			}
			_, trace, err := u.Do(t.Context(), new(fastjson.Parser), req, u.blobs)
			failure := wantError(t, err, tc.want)
			if told := fmt.Sprintf("%v %+v %+v", failure, failure.Detail, trace); strings.Contains(told, "secret") || strings.Contains(told, "/api/") {
				t.Errorf("it tells where the session is: %s", told)
			}
			if cancelled := !errors.Is(err, abi.OutcomeUnknown); o.deleted != cancelled || o.tokens > 0 {
				t.Errorf("given up: %v, want %v; %d with a token; asked %q", o.deleted, cancelled, o.tokens, o.asked)
			}
		})
	}
}

func TestSessionsElsewhereGetNothing(t *testing.T) {
	for _, address := range []string{
		"", "nonsense", "http://outlook.office.com/s", "https://evil.example/s", "https://user@outlook.office.com/s", "https://outlook.office.com.evil.example/s",
		"https://xoutlook.office.com/s", "https://office.com/s", "https://outlook.office.com:444/s", "https://outlook.office.com/s#f", "//outlook.office.com/s",
		"https://outlook.office.com/" + strings.Repeat("x", maxUploadURL),
	} {
		u := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, 201, string(abi.AppendString([]byte(`{"uploadUrl":`), address))+"}")
		})
		u.settings.UploadHosts = []string{"outlook.office.com", "*.outlook.office.com"}
		u.transport = onlyTo{u.transport, u.server.URL}
		req := &Request{
			Method: "POST", Template: template(t, "/users/{user}/messages/{message}/attachments/createUploadSession"),
			Params: []abi.Pair{{Name: "user", Value: "u"}, {Name: "message", Value: "m"}}, Upload: u.keep(t, []byte("x")),
		}
		_, err := u.do(t, req)
		wantError(t, err, abi.Upstream)
	}
}

// onlyTo fails the test's request when it goes to another server.
type onlyTo struct {
	http.RoundTripper
	origin string
}

func (o onlyTo) RoundTrip(req *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(req.URL.String(), o.origin+"/") {
		panic("a request went to " + req.URL.Host)
	}
	return o.RoundTripper.RoundTrip(req)
}

func TestUploadGoesWithItsOperationOnly(t *testing.T) {
	u := accepted(t)
	without := &Request{Method: "POST", Template: template(t, "/users/{user}/messages/{message}/attachments/createUploadSession"), Params: []abi.Pair{{Name: "user", Value: "u"}, {Name: "message", Value: "m"}}}
	with := sendMail(t)
	with.Upload = u.keep(t, []byte("x"))
	for _, req := range []*Request{without, with} {
		_, err := u.do(t, req)
		wantError(t, err, abi.InvalidInput)
	}
	if u.hits.Load() != 0 {
		t.Errorf("%d requests", u.hits.Load())
	}
}
