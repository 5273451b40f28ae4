package graph_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/blob"
	"github.com/postern-dev/postern/host/graph"
	"github.com/postern-dev/postern/host/graphtest"
)

// client is one of the office's tenant, with the token that the write needs.
func (o *office) client(w *write) *graph.Client {
	o.t.Helper()
	origin, err := url.Parse(o.server.URL)
	if err != nil {
		o.t.Fatal(err)
	}
	token := o.app
	if w.isGroup() {
		token = o.user
	}
	return graph.NewClient(origin, holder{token}, o.server.RoundTripper(), graph.Settings{
		Retry: graph.Retry{Attempts: 3, MaxWait: time.Minute}, UploadHosts: []string{o.server.UploadHost()}, UserAgent: "postern/test",
	})
}

// trouble is what Graph, or what stands before it, does to a write.
type trouble struct {
	name string
	graphtest.Fault
	// refuses says that it is a promise that nothing was done, so that the write may be made again whatever it is.
	refuses bool
}

// troubles are the faults, each before the effect and after it. 429, and 503 with Retry-After, come before it only:
// they say that nothing was done. Against a server that says so and lies there is no defence but never to try again.
func troubles() (all []trouble) {
	promise := func(name string, fault graphtest.Fault) { all = append(all, trouble{name, fault, true}) }
	promise("429", graphtest.Fault{Status: 429})
	promise("429 with Retry-After", graphtest.Fault{Status: 429, RetryAfter: 3 * time.Second})
	promise("503 with Retry-After", graphtest.Fault{Status: 503, RetryAfter: 3 * time.Second, RetryAfterForm: graphtest.RetryAfterDate})
	both := func(name string, fault graphtest.Fault) {
		all = append(all, trouble{name + " before the effect", fault, false})
		fault.AfterEffect = true
		all = append(all, trouble{name + " after the effect", fault, false})
	}
	both("500", graphtest.Fault{Status: 500})
	both("502 in HTML", graphtest.Fault{Status: 502, HTML: true})
	both("503", graphtest.Fault{Status: 503})
	both("504", graphtest.Fault{Status: 504, Empty: true})
	both("200 in HTML", graphtest.Fault{Status: 200, HTML: true})
	both("200 that is no JSON", graphtest.Fault{Status: 200, Body: `{"id":`, Header: http.Header{"Content-Type": {"application/json"}}})
	both("connection closed", graphtest.Fault{Close: true})
	both("no answer", graphtest.Fault{Kind: graphtest.Drop})
	all = append(all, trouble{"answer cut", graphtest.Fault{Kind: graphtest.Truncate}, false},
		trouble{"answer broken off", graphtest.Fault{Kind: graphtest.BreakOff}, false})
	return all
}

// way is a way for a write to reach Graph.
type way struct {
	name string
	// method and path of the request that meets the trouble, if it is not the write itself.
	method, path string
	send         func(ctx context.Context, c *graph.Client, req *graph.Request, o *office) error
}

func ways(w *write) []way {
	inBatch := func(ctx context.Context, c *graph.Client, req *graph.Request, _ *office) error {
		return c.DoBatch(ctx, []*graph.Request{req})[0].Err
	}
	alone := func(ctx context.Context, c *graph.Client, req *graph.Request, o *office) error {
		_, _, err := c.Do(ctx, new(fastjson.Parser), req, o.blobs)
		return err
	}
	if w.blob != nil { // which a batch does not take
		return []way{{name: "alone", send: alone}, {name: "in its pieces", method: http.MethodPut, send: alone}}
	}
	ways := []way{{name: "alone", send: alone}, {name: "alone, for any status", send: forAnyStatus}}
	if w.beta { // which a batch does not take either
		return ways
	}
	return append(ways,
		way{name: "in a batch", send: inBatch},
		way{name: "in a batch that meets it as a whole", method: http.MethodPost, path: "/$batch", send: inBatch},
	)
}

// forAnyStatus makes the write as one whose caller judges the answer, and judges it: a page in place of JSON tells nothing.
func forAnyStatus(ctx context.Context, c *graph.Client, req *graph.Request, o *office) error {
	req.AnyStatus = true
	answer, _, err := c.Do(ctx, new(fastjson.Parser), req, o.blobs)
	switch {
	case err != nil:
		return err
	case answer.Status/100 != 2:
		return fmt.Errorf("status %d", answer.Status)
	case answer.Body != nil && answer.Body.Type() == fastjson.TypeString:
		return abi.OutcomeUnknown
	}
	return nil
}

// Every write by every fault by every way, once and for good: what the caller is told is true. Success means one
// effect, a definite error means none, and only outcome_unknown leaves it open. There is never more than one, and a
// POST that may have been carried out is sent once.
func TestNoFaultMakesAWriteHappenTwiceOrLiesAboutIt(t *testing.T) {
	store, err := blob.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	for _, w := range writes() {
		t.Run(w.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at, n := newTenant(t), 0
				for _, by := range ways(&w) {
					for _, f := range append(troubles(), trouble{name: "no fault", Fault: graphtest.Fault{Method: "none"}}) {
						for often, times := range map[string]int{"once": 1, "for good": -1} {
							f.Times, n = times, n+1
							for _, problem := range meet(newOffice(t, at, store.NewSet(1<<30), n), &w, by, f) {
								t.Errorf("%s, %s, %s: %s", by.name, f.name, often, problem)
							}
						}
					}
				}
			})
		})
	}
}

// meet makes a write that meets a trouble, and tells what is wrong with what the caller is told.
func meet(o *office, w *write, by way, f trouble) (problems []string) {
	client, req := o.client(w), w.request(o)
	if n := w.effects(o); n != 0 {
		return []string{fmt.Sprintf("%d effects before it began", n)}
	}
	o.server.ResetJournal()
	switch {
	case f.Method != "":
	case by.method != "":
		f.Method, f.Path = by.method, by.path
	default:
		f.Method, f.Path = w.method, w.path
	}
	o.server.Fault(f.Fault)
	ctx, cancel := context.WithTimeout(o.t.Context(), 50*time.Minute)
	defer cancel()
	err := by.send(ctx, client, req, o)
	came := o.came(w)
	o.server.ClearFaults()
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	effects := w.effects(o)
	if effects > 1 {
		problem("%d effects", effects)
	}
	if err == nil && effects != 1 {
		problem("success, and nothing happened")
	}
	if err != nil && !errors.Is(err, abi.OutcomeUnknown) && effects != 0 {
		problem("it happened, and the caller is told %v", err)
	}
	if err != nil && (f.name == "no fault" || f.refuses && f.Times == 1) {
		problem("%v", err)
	}
	if w.method == http.MethodPost && w.blob == nil && !f.refuses && came > 1 {
		problem("a POST that may have been carried out came %d times", came)
	}
	return problems
}

// came counts how often a write arrived.
func (o *office) came(w *write) (n int) {
	for _, r := range o.server.Journal() {
		if r.Method == w.method && r.Template != "" && len(r.Segments)-1 == strings.Count(w.path, "/") {
			n++
		}
	}
	return n
}

// The case that gave the table its reason: two well-known clients deliver the mail three times.
func TestAMailThatIsDeliveredBefore504IsDeliveredOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := emulated(t, graph.Retry{Attempts: 3, MaxWait: time.Minute}, graphtest.WithoutNetwork())
		server.Fault(graphtest.Fault{Path: users + "/sendMail", Status: 504, AfterEffect: true, Times: 2})
		req := request(t, "POST", users+"/sendMail", `{"message":{"subject":"Once","toRecipients":[{"emailAddress":{"address":"dana@contoso.example"}}]}}`)
		_, trace, err := client.Do(t.Context(), new(fastjson.Parser), req, nil)
		var told *abi.Error
		if !errors.As(err, &told) || told.Code != abi.OutcomeUnknown || told.Detail.Status != 504 || told.Detail.ClientRequestID == "" {
			t.Errorf("got %v", err)
		}
		if n := len(server.Delivered()); n != 1 || trace.Requests != 1 {
			t.Errorf("%d deliveries by %d requests", n, trace.Requests)
		}
	})
}

// What a guest makes conditional stays so, and what changed meanwhile is told as that.
func TestAConditionalWriteTellsOfTheChangeMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := newTenant(t)
		for n, tc := range []struct {
			name, etag string
			fault      graphtest.Fault
			want       abi.Code
		}{
			{"the version that it is", "", graphtest.Fault{Method: "none"}, ""},
			{"another version", `W/"stale"`, graphtest.Fault{Method: "none"}, abi.Conflict},
			{"refused before the effect", "", graphtest.Fault{Status: 429}, ""},
			{"unanswered after the effect", "", graphtest.Fault{Status: 504, AfterEffect: true}, abi.OutcomeUnknown},
		} {
			o := newOffice(t, at, nil, n)
			w := write{method: "PATCH", path: messageX, params: ofDraft, body: `{"subject":"Changed"}`}
			req := w.request(o)
			read := string(o.ask("GET", "/users/"+o.me+"/messages/"+url.PathEscape(o.draft), "").GetStringBytes("@odata.etag"))
			req.Headers = append(immutable(), abi.Pair{Name: "If-Match", Value: cmp.Or(tc.etag, read)})
			if tc.fault.Method == "" {
				tc.fault.Method = "PATCH"
			}
			at.server.Fault(tc.fault)
			_, _, err := o.client(&w).Do(t.Context(), new(fastjson.Parser), req, nil)
			at.server.ClearFaults()
			var told *abi.Error
			if tc.want == "" && err != nil || tc.want != "" && (!errors.As(err, &told) || told.Code != tc.want) {
				t.Errorf("%s: got %v", tc.name, err)
			}
			if changed := o.in("drafts", "Changed") == 1; changed == (tc.want == abi.Conflict) {
				t.Errorf("%s: changed: %v", tc.name, changed)
			}
		}
	})
}
