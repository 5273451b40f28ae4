package graph

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

// witness writes down what it is told.
type witness struct {
	mu      sync.Mutex
	sent    []Sent
	waits   []LimitKind
	retries []int
}

func (w *witness) Waited(_ context.Context, limit LimitKind, _ time.Duration, _ error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waits = append(w.waits, limit)
}

func (w *witness) Sent(_ context.Context, s Sent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, s)
}

func (w *witness) Retrying(_ context.Context, _ *Request, retry int, _ time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.retries = append(w.retries, retry)
}

func TestObserverIsToldOfEachRequestThatLeaves(t *testing.T) {
	const list, send = "/users/{user}/messages", "/users/{user}/sendMail"
	caller := Caller{Plugin: "mail", Invocation: "1"}
	for name, test := range map[string]struct {
		handle  http.HandlerFunc
		make    func(u *upstream)
		sent    []Sent
		waits   []LimitKind
		retries []int
	}{
		"a token that is renewed": {
			handle: func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") == "Bearer "+canary+"0" {
					answerJSON(w, 401, `{}`)
					return
				}
				answerJSON(w, 200, `{"value":[]}`)
			},
			make: func(u *upstream) {
				req := messages(t)
				req.Caller = caller
				req.Limits = Limits{Grant: NewLimit("grant", Bounds{Count: 9, Per: time.Second}), Plugin: NewLimit("plugin", Bounds{Count: 9, Per: time.Second})}
				u.do(t, req)
			},
			sent: []Sent{
				{Method: "GET", Template: list, Caller: caller, Status: 401, In: 2},
				{Method: "GET", Template: list, Caller: caller, Status: 200, In: 12},
			},
			waits: []LimitKind{GrantLimit, PluginLimit, MailboxLimit, GrantLimit, PluginLimit, MailboxLimit}, // the connection has none
		},
		"a connection that breaks": {
			handle: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			make:   func(u *upstream) { u.do(t, sendMail(t)) },
			sent:   []Sent{{Method: "POST", Template: send, Out: 27}},
			waits:  []LimitKind{MailboxLimit},
		},
		"a refusal that passes": {
			handle: func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 429, `{}`) },
			make: func(u *upstream) {
				u.settings.Retry = Retry{Attempts: 2, MaxWait: time.Millisecond}
				u.do(t, messages(t))
			},
			sent:    []Sent{{Method: "GET", Template: list, Status: 429, In: 2}, {Method: "GET", Template: list, Status: 429, In: 2}},
			waits:   []LimitKind{MailboxLimit, MailboxLimit},
			retries: []int{1},
		},
		"a batch": {
			handle: func(w http.ResponseWriter, _ *http.Request) {
				answerJSON(w, 200, `{"responses":[{"id":"0","status":200,"body":{}},{"id":"1","status":404,"body":{}}]}`)
			},
			make: func(u *upstream) {
				first, second := messages(t), messages(t)
				first.Caller, second.Caller = caller, caller
				u.DoBatch(t.Context(), []*Request{first, second})
			},
			sent: []Sent{
				{Method: "GET", Template: list, Caller: caller, Status: 200, InBatch: true},
				{Method: "GET", Template: list, Caller: caller, Status: 404, InBatch: true},
				{Method: "POST", Template: BatchTemplate, Caller: caller, Status: 200, In: 83},
			},
			waits: []LimitKind{MailboxLimit},
		},
		"a request that is not sent": {
			handle: func(http.ResponseWriter, *http.Request) {},
			make: func(u *upstream) {
				req := messages(t)
				req.Params = nil
				u.do(t, req)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			u, told := serve(t, test.handle), &witness{}
			u.settings.Observer = told
			test.make(u)
			for i, s := range told.sent {
				if !s.InBatch && s.Took <= 0 {
					t.Errorf("request %d took %v", i, s.Took)
				}
			}
			ignore := cmpopts.IgnoreFields(Sent{}, "Took")
			if name == "a batch" {
				ignore = cmpopts.IgnoreFields(Sent{}, "Took", "Out") // holds ids of random bytes
			}
			if diff := cmp.Diff(test.sent, told.sent, ignore); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([2]any{test.waits, test.retries}, [2]any{told.waits, told.retries}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// reading answers every request in memory.
type reading struct{}

func (reading) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 204, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

// counting is an observer that keeps nothing.
type counting struct{ n int }

func (c *counting) Waited(context.Context, LimitKind, time.Duration, error) { c.n++ }
func (c *counting) Sent(context.Context, Sent)                              { c.n++ }
func (c *counting) Retrying(context.Context, *Request, int, time.Duration)  { c.n++ }
func (c *counting) client(t testing.TB) *Client {
	settings := Settings{Limit: NewLimit("connection", Bounds{AtOnce: 4})}
	if c != nil {
		settings.Observer = c
	}
	return NewClient(parseURL(t, "https://graph.example"), &bearer{}, reading{}, settings)
}

func TestBeingWatchedAllocatesNothingOfItsOwn(t *testing.T) {
	allocations := func(c *counting) float64 {
		client, req, p := c.client(t), &Request{Method: "GET", Template: template(t, "/users"), Params: []abi.Pair{}}, new(fastjson.Parser)
		return testing.AllocsPerRun(1000, func() {
			if _, _, err := client.Do(t.Context(), p, req, nil); err != nil {
				t.Fatal(err)
			}
		})
	}
	watcher := &counting{}
	if alone, watched := allocations(nil), allocations(watcher); watched > alone || watcher.n < 2000 {
		t.Errorf("%v allocations unwatched, %v watched (told %d times)", alone, watched, watcher.n)
	}
}

// BenchmarkUnwatched is what is left of watching a request when nobody does: of its leaving, its answer and its retry.
func BenchmarkUnwatched(b *testing.B) {
	client, req, ctx := (*counting)(nil).client(b), &Request{Method: "GET", Template: template(b, "/users")}, b.Context()
	b.ReportAllocs()
	for b.Loop() {
		sending := client.departs(ctx, req.Method, req.Template.String(), req.Caller, 0)
		sending.report()
		client.retrying(ctx, req, 1, 0)
	}
}

// BenchmarkObserving is a request that is answered in memory, watched and not.
func BenchmarkObserving(b *testing.B) {
	for name, c := range map[string]*counting{"nobody": nil, "somebody": {}} {
		b.Run("by="+name, func(b *testing.B) {
			client, req, p := c.client(b), &Request{Method: "GET", Template: template(b, "/users")}, new(fastjson.Parser)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := client.Do(b.Context(), p, req, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
