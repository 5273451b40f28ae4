package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/abi"
)

// bulk answers batches in memory: each request by reply, which is told how often it has come.
type bulk struct {
	mu      sync.Mutex
	reply   func(req bulkRequest, times int) (status int, headers map[string]string, body string)
	fault   func(times int) (*http.Response, error) // instead of an answer, nil for none
	came    [][]bulkRequest
	seen    map[string]int
	carried map[string]int // how often each was carried out
}

type bulkRequest struct {
	ID        string            `json:"id"`
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"`
	Body      json.RawMessage   `json:"body"`
	DependsOn []string          `json:"dependsOn"`
}

func (b *bulk) RoundTrip(req *http.Request) (*http.Response, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	text, err := io.ReadAll(req.Body)
	if err != nil || req.URL.String() != "https://graph.example/v1.0/$batch" || req.Method != "POST" || !strings.HasPrefix(req.Header.Get("Authorization"), "Bearer ") {
		return nil, fmt.Errorf("not a batch: %s %s", req.Method, req.URL)
	}
	var batch struct{ Requests []bulkRequest }
	if err := json.Unmarshal(text, &batch); err != nil {
		return nil, err
	}
	b.came = append(b.came, batch.Requests)
	var responses []string
	status := map[string]int{}
	for _, r := range batch.Requests {
		b.seen[r.URL]++
		code, headers, body := 424, map[string]string{}, `{"error":{"code":"FailedDependency"}}`
		if !slices.ContainsFunc(r.DependsOn, func(id string) bool { return status[id]/100 != 2 }) {
			code, headers, body = b.reply(r, b.seen[r.URL])
		}
		if status[r.ID] = code; code/100 == 2 {
			b.carried[r.URL]++
		}
		head, _ := json.Marshal(headers)
		if body == "" {
			body = "null"
		}
		responses = append(responses, fmt.Sprintf(`{"id":%q,"status":%d,"headers":%s,"body":%s}`, r.ID, code, head, body))
	}
	slices.Reverse(responses) // they come in any order
	if b.fault != nil {
		if res, err := b.fault(len(b.came)); res != nil || err != nil {
			return res, err
		}
	}
	res, err := answered(200, `{"responses":[`+strings.Join(responses, ",")+`]}`)()
	return res, err
}

func newBulk(reply func(bulkRequest, int) (int, map[string]string, string)) *bulk {
	return &bulk{reply: reply, seen: map[string]int{}, carried: map[string]int{}}
}

func echo(r bulkRequest, _ int) (int, map[string]string, string) {
	return 200, map[string]string{"request-id": "r" + r.ID, "ETag": `W/"1"`}, `{"url":"` + r.URL + `"}`
}

func (b *bulk) client(t *testing.T, limit *Limit) *Client {
	return NewClient(parseURL(t, "https://graph.example"), &bearer{}, b, Settings{Limit: limit, Retry: Retry{Attempts: 3, MaxWait: time.Minute}})
}

func about(t *testing.T, method, id string) *Request {
	req := &Request{Method: method, Template: template(t, "/users/{user}/messages/{message}"), Params: []abi.Pair{{Name: "user", Value: "u"}, {Name: "message", Value: id}}}
	if method == "PATCH" || method == "POST" {
		req.Body = tree(t, `{"isRead":true}`)
	}
	return req
}

func TestABatchIsOneRequest(t *testing.T) {
	b := newBulk(echo)
	var requests []*Request
	for n := range 20 {
		requests = append(requests, about(t, []string{"GET", "PATCH", "DELETE", "POST"}[n%4], fmt.Sprintf("a/b+%d=", n)))
	}
	requests[0].Query = []abi.Pair{{Name: "$select", Value: "subject,from"}}
	requests[0].Headers = []abi.Pair{{Name: "Prefer", Value: `IdType="ImmutableId"`}}
	outcomes := b.client(t, nil).DoBatch(t.Context(), requests)
	for n, o := range outcomes {
		want := fmt.Sprintf("/users/u/messages/a%%2Fb%%2B%d%%3D", n)
		if n == 0 {
			want += "?$select=subject%2Cfrom"
		}
		if o.Err != nil || o.Answer.Status != 200 || string(o.Answer.Body.GetStringBytes("url")) != want || o.Trace.Status != 200 || o.Trace.RequestID == "" || o.Trace.Requests != 1 {
			t.Errorf("%d: %+v, %v; want %s", n, o, o.Err, want)
		}
	}
	if len(b.came) != 1 || b.came[0][0].Headers["Prefer"] == "" || b.came[0][1].Headers["Content-Type"] != "application/json" || string(b.came[0][1].Body) != `{"isRead":true}` {
		t.Errorf("%d batches: %+v", len(b.came), b.came)
	}
}

func TestEachRequestOfABatchHasItsOwnFate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBulk(func(r bulkRequest, times int) (int, map[string]string, string) {
			switch id := r.URL[strings.LastIndex(r.URL, "/")+1:]; {
			case id == "missing":
				return 404, nil, `{"error":{"code":"ErrorItemNotFound","message":"x"}}`
			case id == "busy" && times == 1:
				return 429, map[string]string{"Retry-After": "5"}, `{"error":{"code":"TooManyRequests"}}`
			case id == "broken" && times == 1:
				return 504, nil, ""
			case id == "never":
				return 503, nil, `"<html>"`
			default:
				return echo(r, times)
			}
		})
		start := time.Now()
		requests := []*Request{about(t, "GET", "fine"), about(t, "GET", "missing"), about(t, "POST", "busy"), about(t, "PATCH", "broken"), about(t, "POST", "never"), about(t, "GET", "never")}
		requests = append(requests, func() *Request { r := about(t, "GET", "x"); r.Body = tree(t, "{}"); return r }())
		var got []string
		for _, o := range b.client(t, nil).DoBatch(t.Context(), requests) {
			if o.Err != nil {
				got = append(got, string(o.Err.(*abi.Error).Code))
			} else {
				got = append(got, fmt.Sprint(o.Answer.Status))
			}
		}
		want := []string{"200", "not_found", "200", "200", "outcome_unknown", "upstream", "invalid_input"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if took := time.Since(start); took < 5*time.Second || len(b.came) != 3 || len(b.came[1]) != 3 {
			t.Errorf("it took %v and %d batches", took, len(b.came))
		}
		// The POST that may have been carried out came once; the read, three times.
		if n := b.seen["/users/u/messages/never"]; n != 1+3 {
			t.Errorf("the failing ones came %d times", n)
		}
	})
}

func TestABatchThatGetsNoAnswer(t *testing.T) {
	faults := map[string]struct {
		fault func(int) (*http.Response, error)
		post  string // what becomes of a POST in it
		sent  int
	}{
		"cut":        {func(int) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }, "outcome_unknown", 3},
		"504":        {func(int) (*http.Response, error) { return status(504)() }, "outcome_unknown", 3},
		"no JSON":    {func(int) (*http.Response, error) { return answered(200, "<html>")() }, "outcome_unknown", 3},
		"half of it": {func(int) (*http.Response, error) { return answered(200, `{"responses":[{"id":"1","status":409}]}`)() }, "conflict", 3},
		"answers to others": {func(int) (*http.Response, error) {
			return answered(200, `{"responses":[{"id":"7","status":200},{"id":"-1","status":200},{"id":"x"},{}]}`)()
		}, "outcome_unknown", 3},
		"429":                  {func(int) (*http.Response, error) { return status(429, "Retry-After", "1")() }, "throttled", 3},
		"503 with Retry-After": {func(int) (*http.Response, error) { return status(503, "Retry-After", "1")() }, "upstream", 3},
		"400":                  {func(int) (*http.Response, error) { return status(400)() }, "bad_query", 1},
		"a redirect":           {func(int) (*http.Response, error) { return status(302, "Location", "https://evil.example/")() }, "upstream", 1},
	}
	for name, tc := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBulk(echo)
				b.fault = tc.fault
				outcomes := b.client(t, nil).DoBatch(t.Context(), []*Request{about(t, "GET", "a"), about(t, "POST", "b"), about(t, "GET", "c")})
				if got := outcomes[1].Err; got == nil || string(got.(*abi.Error).Code) != tc.post {
					t.Errorf("the POST: %v, want %s", got, tc.post)
				}
				if err, ok := outcomes[2].Err.(*abi.Error); !ok || err.Code == abi.OutcomeUnknown {
					t.Errorf("a read: %v", outcomes[2].Err)
				}
				if len(b.came) != tc.sent {
					t.Errorf("%d batches, want %d", len(b.came), tc.sent)
				}
				if tc.post == "outcome_unknown" && b.seen["/users/u/messages/b"] != 1 {
					t.Errorf("the POST came %d times", b.seen["/users/u/messages/b"])
				}
			})
		})
	}
}

func TestWhatDependsOnAnotherComesAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBulk(func(r bulkRequest, times int) (int, map[string]string, string) {
			switch {
			case strings.HasSuffix(r.URL, "busy") && times == 1:
				return 429, nil, "null"
			case strings.HasSuffix(r.URL, "bad"):
				return 400, nil, `{"error":{"code":"x"}}`
			}
			return echo(r, times)
		})
		after := func(req *Request, on ...int) *Request { req.After = on; return req }
		outcomes := b.client(t, nil).DoBatch(t.Context(), []*Request{
			about(t, "POST", "busy"), after(about(t, "POST", "next"), 0), about(t, "POST", "bad"), after(about(t, "POST", "never"), 2), after(about(t, "POST", "nor"), 1, 3),
		})
		for n, ok := range []bool{true, true, false, false, false} {
			if (outcomes[n].Err == nil) != ok {
				t.Errorf("%d: %v", n, outcomes[n].Err)
			}
		}
		if diff := cmp.Diff(map[string]int{"/users/u/messages/busy": 1, "/users/u/messages/next": 1}, b.carried); diff != "" {
			t.Error(diff)
		}
	})
}

func TestABatchKeepsTheLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBulk(echo)
		client := b.client(t, NewLimit("connection.contoso.rate", Bounds{Count: 8, Per: time.Minute}))
		var requests []*Request
		for n := range 20 {
			requests = append(requests, about(t, "GET", fmt.Sprint(n)))
		}
		start := time.Now()
		for n, o := range client.DoBatch(t.Context(), requests) {
			if o.Err != nil {
				t.Errorf("%d: %v", n, o.Err)
			}
		}
		if took := time.Since(start); took != 2*time.Minute || len(b.came) != 3 {
			t.Errorf("20 at 8 a minute took %v and %d batches", took, len(b.came))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		outcome := client.DoBatch(ctx, requests[:8])[0]
		wantError(t, outcome.Err, abi.Throttled)
	})
}

func TestTwoBatchesToTheSameMailboxesDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBulk(echo)
		client := b.client(t, nil)
		var group sync.WaitGroup
		for n := range 20 {
			var requests []*Request
			for k := range 10 {
				req := about(t, "GET", fmt.Sprint(k))
				req.Params = []abi.Pair{{Name: "user", Value: fmt.Sprint((n*k + k) % 5)}, {Name: "message", Value: "m"}}
				requests = append(requests, req)
			}
			group.Go(func() {
				for _, o := range client.DoBatch(t.Context(), requests) {
					if o.Err != nil {
						t.Error(o.Err)
					}
				}
			})
		}
		group.Wait() // a deadlock would end the test
	})
}
