package graph

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

// sky answers requests in memory, one after the other, and notes when they came.
type sky struct {
	answers []func() (*http.Response, error)
	came    []time.Duration
	start   time.Time
}

func (s *sky) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		io.Copy(io.Discard, req.Body)
		req.Body.Close()
	}
	s.came = append(s.came, time.Since(s.start))
	answer := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	if answer == nil { // nobody listens
		httptrace.ContextClientTrace(req.Context()).GetConn("")
		return nil, errors.New("connection refused")
	}
	return answer()
}

func status(code int, headers ...string) func() (*http.Response, error) {
	return answered(code, `{"error":{"code":"Any","message":""}}`, headers...)
}

func answered(code int, text string, headers ...string) func() (*http.Response, error) {
	return func() (*http.Response, error) {
		header := http.Header{"Content-Type": {"application/json"}}
		for i := 0; i < len(headers); i += 2 {
			header.Set(headers[i], headers[i+1])
		}
		return &http.Response{StatusCode: code, Header: header, Body: io.NopCloser(strings.NewReader(text))}, nil
	}
}

func cut() (*http.Response, error) { return nil, io.ErrUnexpectedEOF }

func unheard() func() (*http.Response, error) { return nil }

func fine() func() (*http.Response, error) { return answered(200, `{"id":"1"}`) }

// weather makes one request with three attempts of at most a minute's wait, of which the server answers
// with answers, the last of them for good.
func weather(t *testing.T, method string, answers ...func() (*http.Response, error)) (*Answer, *sky, error) {
	t.Helper()
	s := &sky{answers: answers, start: time.Now()}
	client := NewClient(parseURL(t, "https://graph.example"), &bearer{}, s, Settings{Retry: Retry{Attempts: 3, MaxWait: time.Minute}})
	req := &Request{Method: method, Template: template(t, "/users/{user}/messages/{message}"), Params: []abi.Pair{{Name: "user", Value: "u"}, {Name: "message", Value: "m"}}}
	if method != "GET" && method != "DELETE" {
		req.Body = tree(t, `{"isRead":true}`)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	answer, _, err := client.Do(ctx, new(fastjson.Parser), req, nil)
	return answer, s, err
}

// What is tried again, by method and by what is known of the attempt before. The figure is how often the request
// is sent when the fault comes once, and the code is what the caller gets when it comes for good.
func TestWhatIsTriedAgain(t *testing.T) {
	faults := map[string]struct {
		answer func() (*http.Response, error)
		sent   map[string]int
		code   map[string]abi.Code
	}{
		"429":                     {status(429, "Retry-After", "1"), all(2), codes(abi.Throttled, abi.Throttled)},
		"429 without Retry-After": {status(429), all(2), codes(abi.Throttled, abi.Throttled)},
		"503 with Retry-After":    {status(503, "Retry-After", "1"), all(2), codes(abi.Upstream, abi.Upstream)},
		"nobody listens":          {unheard(), all(2), codes(abi.Upstream, abi.Upstream)},
		"500":                     {status(500), repeatable(), codes(abi.Upstream, abi.OutcomeUnknown)},
		"502":                     {status(502), repeatable(), codes(abi.Upstream, abi.OutcomeUnknown)},
		"503":                     {status(503), repeatable(), codes(abi.Upstream, abi.OutcomeUnknown)},
		"504":                     {status(504), repeatable(), codes(abi.Upstream, abi.OutcomeUnknown)},
		"the connection breaks":   {cut, repeatable(), codes(abi.Upstream, abi.OutcomeUnknown)},
		"the answer is cut":       {answered(200, `{"id":`), repeatable(), codes(abi.Upstream, abi.OutcomeUnknown)},
		"501":                     {status(501), all(1), codes(abi.NotSupported, abi.NotSupported)},
		"507":                     {status(507), all(1), codes(abi.Quota, abi.Quota)},
		"400":                     {status(400), all(1), codes(abi.BadQuery, abi.BadQuery)},
		"403":                     {status(403), all(1), codes(abi.AccessDenied, abi.AccessDenied)},
		"404":                     {status(404), all(1), codes(abi.NotFound, abi.NotFound)},
		"412":                     {status(412), all(1), codes(abi.Conflict, abi.Conflict)},
	}
	for name, fault := range faults {
		for _, method := range []string{"GET", "PUT", "PATCH", "DELETE", "POST"} {
			t.Run(name+"/"+method, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					_, s, err := weather(t, method, fault.answer, fine())
					if want := fault.sent[method]; len(s.came) != want || want > 1 && err != nil {
						t.Errorf("the fault once: sent %d times, want %d; %v", len(s.came), want, err)
					}
					_, s, err = weather(t, method, fault.answer)
					want := 1
					if fault.sent[method] > 1 {
						want = 3
					}
					if failure := wantError(t, err, fault.code[method]); len(s.came) != want || want > 1 && !strings.Contains(failure.Message, "3 attempts") {
						t.Errorf("the fault for good: sent %d times, want %d; %v", len(s.came), want, failure)
					}
				})
			})
		}
	}
}

func all(n int) map[string]int {
	return map[string]int{"GET": n, "PUT": n, "PATCH": n, "DELETE": n, "POST": n}
}

func repeatable() map[string]int {
	sent := all(2)
	sent["POST"] = 1
	return sent
}

func codes(read, write abi.Code) map[string]abi.Code {
	return map[string]abi.Code{"GET": read, "PUT": write, "PATCH": write, "DELETE": write, "POST": write}
}

func TestADeletionThatFindsNothingLeftIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer, s, err := weather(t, "DELETE", status(504), status(404))
		if err != nil || answer.Status != 204 || len(s.came) != 2 {
			t.Errorf("got %+v, %v after %d", answer, err, len(s.came))
		}
		// Nothing was done before this one: so what is gone was never there.
		_, _, err = weather(t, "DELETE", status(429), status(404))
		wantError(t, err, abi.NotFound)
	})
}

func TestARefusalAfterAnOpenAttemptLeavesTheOutcomeOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, err := weather(t, "PATCH", status(504), status(412))
		wantError(t, err, abi.OutcomeUnknown)
		_, _, err = weather(t, "GET", status(504), status(404))
		wantError(t, err, abi.NotFound)
	})
}

func TestWaitsAreTheServersOrDouble(t *testing.T) {
	in := func(date time.Duration) string { return time.Now().Add(date).UTC().Format(http.TimeFormat) }
	for name, tc := range map[string]struct {
		header      func() string
		least, most []time.Duration
	}{
		"seconds":       {func() string { return "7" }, secs(7, 7), secs(8.4, 8.4)},
		"a fraction":    {func() string { return "2.128" }, secs(2.128, 2.128), secs(2.554, 2.554)},
		"a date":        {func() string { return in(20 * time.Second) }, secs(20, 0), secs(24, 24)},
		"none":          {func() string { return "" }, secs(0, 0), secs(1, 2)},
		"always little": {func() string { return "0.1" }, secs(0.1, 1), secs(0.12, 1)},
		"nonsense":      {func() string { return "soon" }, secs(0, 0), secs(1, 2)},
	} {
		t.Run(name, func(t *testing.T) {
			for range 50 {
				synctest.Test(t, func(t *testing.T) {
					_, s, _ := weather(t, "GET", status(429, "Retry-After", tc.header()))
					if len(s.came) != 3 {
						t.Fatalf("sent %d times", len(s.came))
					}
					for i := range 2 {
						if wait := s.came[i+1] - s.came[i]; wait < tc.least[i] || wait > tc.most[i] {
							t.Errorf("wait %d took %v, want %v to %v", i+1, wait, tc.least[i], tc.most[i])
						}
					}
				})
			}
		})
	}
}

func secs(all ...float64) (times []time.Duration) {
	for _, s := range all {
		times = append(times, time.Duration(s*float64(time.Second)))
	}
	return times
}

func TestNoWaitBeyondItsBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Longer than the connection waits.
		_, s, err := weather(t, "GET", status(429, "Retry-After", "61"))
		if failure := wantError(t, err, abi.Throttled); len(s.came) != 1 || failure.Detail.RetryAfter != 61*time.Second {
			t.Errorf("sent %d times, %+v", len(s.came), failure.Detail)
		}
		// Longer than the invocation lives: it is told at once.
		s = &sky{answers: []func() (*http.Response, error){status(429, "Retry-After", "30")}, start: time.Now()}
		client := NewClient(parseURL(t, "https://graph.example"), &bearer{}, s, Settings{Retry: Retry{Attempts: 3, MaxWait: time.Minute}})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		_, _, err = client.Do(ctx, new(fastjson.Parser), messages(t), nil)
		wantError(t, err, abi.Throttled)
		if took := time.Since(s.start); took != 0 || len(s.came) != 1 {
			t.Errorf("it took %v and %d requests", took, len(s.came))
		}
	})
}

// A mailbox that asked for a rest gets it from all callers.
func TestOthersLeaveAThrottledMailboxAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sky{answers: []func() (*http.Response, error){status(429, "Retry-After", "10"), fine()}, start: time.Now()}
		client := NewClient(parseURL(t, "https://graph.example"), &bearer{}, s, Settings{})
		_, _, err := client.Do(t.Context(), new(fastjson.Parser), messages(t), nil)
		wantError(t, err, abi.Throttled)
		if _, _, err := client.Do(t.Context(), new(fastjson.Parser), messages(t), nil); err != nil || time.Since(s.start) != 10*time.Second {
			t.Errorf("the next took %v, %v", time.Since(s.start), err)
		}
		other := messages(t)
		other.Params = []abi.Pair{{Name: "user", Value: "another"}}
		client.mailboxes.pause(messages(t), time.Now().Add(time.Hour))
		before := time.Now()
		if _, _, err := client.Do(t.Context(), new(fastjson.Parser), other, nil); err != nil || time.Since(before) != 0 {
			t.Errorf("another mailbox took %v, %v", time.Since(before), err)
		}
	})
}
