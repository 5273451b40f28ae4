package graph_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/blob"
	"github.com/postern-dev/postern/host/graph"
	"github.com/postern-dev/postern/host/graphtest"
	"github.com/postern-dev/postern/manifests"
)

const soc = "soc@contoso.example"

// holder authorises requests with a token that was made for it.
type holder struct{ token string }

func (h holder) Authorize(_ context.Context, req *http.Request) error {
	req.Header.Set("Authorization", "Bearer "+h.token)
	return nil
}

func (h holder) Renew(ctx context.Context, req *http.Request) error { return h.Authorize(ctx, req) }

// emulated is a client of an emulated Graph with one mailbox.
func emulated(t *testing.T, retry graph.Retry, options ...graphtest.Option) (*graphtest.Server, *graph.Client) {
	t.Helper()
	server, err := graphtest.NewServer(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	if _, err := server.AddMailbox(soc); err != nil {
		t.Fatal(err)
	}
	token, err := server.Token(graphtest.Token{Roles: []string{"Mail.Read", "Mail.ReadWrite", "Mail.Send"}})
	if err != nil {
		t.Fatal(err)
	}
	origin, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return server, graph.NewClient(origin, holder{token}, server.Client().Transport, graph.Settings{
		Retry: retry, UploadHosts: []string{server.UploadHost()}, UserAgent: "postern/test",
	})
}

func request(t *testing.T, method, path, body string, params ...abi.Pair) *graph.Request {
	t.Helper()
	template, err := manifests.ParseTemplate(path)
	if err != nil {
		t.Fatal(err)
	}
	req := &graph.Request{Method: method, Template: template, Params: append([]abi.Pair{{Name: "user", Value: soc}}, params...)}
	if body != "" {
		if req.Body, err = abi.Parse(new(fastjson.Parser), []byte(body), 1<<20); err != nil {
			t.Fatal(err)
		}
	}
	return req
}

func do(t *testing.T, client *graph.Client, req *graph.Request, blobs graph.Saver) *graph.Answer {
	t.Helper()
	answer, _, err := client.Do(t.Context(), new(fastjson.Parser), req, blobs)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestALargeAttachmentArrivesWhole(t *testing.T) {
	server, client := emulated(t, graph.Retry{Attempts: 3})
	store, err := blob.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	blobs := store.NewSet(1 << 30)
	content := bytes.Repeat([]byte("nine bytes"), 900_001)
	kept, err := blobs.Create(t.Context(), bytes.NewReader(content), "application/pdf")
	if err != nil {
		t.Fatal(err)
	}
	draft := do(t, client, request(t, "POST", "/users/{user}/messages", `{"subject":"large"}`), blobs)
	message := abi.Pair{Name: "message", Value: string(draft.Body.GetStringBytes("id"))}
	open := request(t, "POST", "/users/{user}/messages/{message}/attachments/createUploadSession",
		fmt.Sprintf(`{"AttachmentItem":{"attachmentType":"file","name":"report.pdf","size":%d}}`, len(content)), message)
	open.Upload = kept.Name
	answer := do(t, client, open, blobs)
	attachment := abi.Pair{Name: "attachment", Value: string(answer.Body.GetStringBytes("id"))}
	read := request(t, "GET", "/users/{user}/messages/{message}/attachments/{attachment}/$value", "", message, attachment)
	read.Save = true
	if saved := do(t, client, read, blobs); saved.Blob.SHA256 != kept.SHA256 {
		t.Errorf("%d bytes came back, %d were sent", saved.Blob.Size, len(content))
	}
	for _, r := range server.Journal() {
		if r.Method == http.MethodPut && r.Header.Get("Authorization") != "" {
			t.Errorf("the token went to %s", r.Host)
		}
	}
}

func TestABatchOfTwentyReachesGraphAtOnce(t *testing.T) {
	server, client := emulated(t, graph.Retry{}, graphtest.WithoutNetwork())
	var requests []*graph.Request
	for n := range 20 {
		requests = append(requests, request(t, "POST", "/users/{user}/messages", fmt.Sprintf(`{"subject":"%d"}`, n)))
	}
	for n, outcome := range client.DoBatch(t.Context(), requests) {
		if outcome.Err != nil || outcome.Answer.Status != 201 || string(outcome.Answer.Body.GetStringBytes("subject")) != fmt.Sprint(n) {
			t.Errorf("%d: %+v, %v", n, outcome, outcome.Err)
		}
	}
	outside := 0
	for _, r := range server.Journal() {
		if !r.InBatch {
			outside++
		}
	}
	if outside != 1 {
		t.Errorf("%d requests", outside)
	}
}

// reads has callers of a plugin read the mailbox, n times in all, and returns how long each read took.
func reads(t *testing.T, client *graph.Client, plugin string, callers, n int) (wait func() []time.Duration) {
	var mu sync.Mutex
	var took []time.Duration
	var group sync.WaitGroup
	for caller := range callers {
		group.Go(func() {
			for range n / callers {
				req := request(t, "GET", "/users/{user}/messages", "")
				req.Caller = graph.Caller{Plugin: plugin, Invocation: fmt.Sprint(caller)}
				began := time.Now()
				if _, trace, err := client.Do(t.Context(), new(fastjson.Parser), req, nil); err != nil || trace.Requests != 1 {
					t.Errorf("%d requests, %v", trace.Requests, err)
				}
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
			}
		})
	}
	return func() []time.Duration {
		group.Wait()
		slices.Sort(took)
		return took
	}
}

// slowly is a Graph whose mailboxes take four requests at once, each of which takes 50 ms.
func slowly() []graphtest.Option {
	return []graphtest.Option{graphtest.WithoutNetwork(), graphtest.WithWeather(graphtest.Weather{
		Limits: true, Faults: []graphtest.Fault{{Kind: graphtest.Slow, Latency: 50 * time.Millisecond, Times: -1}},
	})}
}

func TestTwoHundredReadsOfOneMailboxTakeTheirTimeAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := emulated(t, graph.Retry{}, slowly()...)
		began := time.Now()
		reads(t, client, "mail", 20, 200)()
		if took, ideal := time.Since(began), 2500*time.Millisecond; took > ideal*11/10 {
			t.Errorf("it took %v, ideally %v", took, ideal)
		}
		for _, r := range server.Journal() {
			if r.Status != http.StatusOK {
				t.Fatalf("%s %s answered %d", r.Method, r.Path, r.Status)
			}
		}
	})
}

func TestAGreedyPluginDoesNotSlowAnotherDown(t *testing.T) {
	p99 := func(greedy int) (slow time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			_, client := emulated(t, graph.Retry{}, slowly()...)
			crowd := func() []time.Duration { return nil }
			if greedy > 0 {
				crowd = reads(t, client, "greedy", greedy, 100*greedy)
			}
			took := reads(t, client, "modest", 1, 100)()
			crowd()
			slow = took[len(took)*99/100]
		})
		return slow
	}
	if alone, beside := p99(0), p99(16); beside > 2*alone {
		t.Errorf("the slowest of a hundred took %v alone and %v beside the greedy one", alone, beside)
	}
}
