package graph

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

// Retry says how a request is tried again that failed for a reason that may pass.
//
// What is tried again depends on what is known. A refusal that promises that nothing was done (429,
// 503 with Retry-After, a connection that was never made) is, whatever the request. A failure that
// leaves it open (another 5xx, a connection that broke, an answer that broke off) is only if doing it
// twice is the same as once: GET, PUT, PATCH, DELETE. A POST is not, and ends with outcome_unknown.
type Retry struct {
	// Attempts is how often a request is sent at most; 0 is once.
	Attempts int
	// MaxWait is the longest wait between two attempts. A server that asks for a longer one is
	// not asked again.
	MaxWait time.Duration
}

const (
	// firstBackOff is what the wait after the first attempt is at most, without a Retry-After. It doubles.
	firstBackOff = time.Second
	// jitter is the share of a Retry-After that is added at most, so that those who
	// were refused together do not come back together.
	jitter = 0.2
)

// doubt is what is known of a request that failed.
type doubt uint8

const (
	// lasting failures come again when the request does.
	lasting doubt = iota
	// untouched is one that was certainly not carried out, for a reason that may pass.
	untouched
	// open is one that may have been carried out.
	open
)

// one makes a single request of the call and reads its answer, in as many attempts as
// the connection's settings, the meaning of the request and its time allow.
func (c *call) one(ctx context.Context, p *fastjson.Parser, target string) (*Answer, error) {
	began, inDoubt := c.client.settings.Clock.now(), false
	for attempt := 1; ; attempt++ {
		answer, failure := c.attempt(ctx, p, target)
		switch {
		case failure == nil:
			return answer, nil
		case inDoubt && gone(c.req, failure.err):
			return &Answer{Status: http.StatusNoContent}, nil
		}
		inDoubt = inDoubt || failure.doubt == open
		wait, again := c.client.settings.Retry.wait(ctx, c.client.settings.Clock, c.req, failure, attempt)
		if again {
			c.client.retrying(ctx, c.req, attempt, wait)
			again = c.client.settings.Clock.sleep(ctx, wait) == nil
		}
		if !again {
			return nil, c.gaveUp(failure, attempt, c.client.settings.Clock.now().Sub(began), inDoubt)
		}
	}
}

// failure is why an attempt failed.
type failure struct {
	err   error
	doubt doubt
	// after is what the server asked to wait.
	after time.Duration
}

// wait tells whether to try again, and after what time.
func (r Retry) wait(ctx context.Context, clock Clock, req *Request, f *failure, attempt int) (time.Duration, bool) {
	if attempt >= r.Attempts || f.doubt == lasting || f.doubt == open && !req.isRepeatable() {
		return 0, false
	}
	backOff := min(firstBackOff<<min(attempt-1, 16), r.MaxWait)
	wait := clock.random(backOff)
	if f.after > 0 {
		if f.after > r.MaxWait {
			return 0, false
		}
		wait = f.after + clock.random(time.Duration(jitter*float64(f.after)))
		if attempt > 1 { // a server that always says one second is not believed
			wait = max(wait, backOff/2)
		}
	}
	return wait, !endsWithin(ctx, wait)
}

// gone reports whether a deletion that may have been carried out before has been.
func gone(req *Request, err error) bool {
	e, ok := err.(*abi.Error)
	return ok && req.Method == http.MethodDelete && e.Code == abi.NotFound && e.Detail.Status == http.StatusNotFound
}

// gaveUp is the error of the last attempt. A refusal of it says nothing of an earlier
// attempt that may have been carried out.
func (c *call) gaveUp(f *failure, attempts int, took time.Duration, inDoubt bool) error {
	e, ok := f.err.(*abi.Error)
	if !ok {
		return f.err
	}
	told := *e
	if inDoubt && c.req.leavesTraces() && told.Code != abi.OutcomeUnknown {
		unknownOutcome(&told, "an attempt got no answer, and the next was refused ("+string(e.Code)+")")
	}
	if attempts > 1 {
		told.Message += fmt.Sprintf(" (%d attempts in %s)", attempts, took.Round(time.Millisecond))
	}
	return &told
}
