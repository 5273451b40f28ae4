package graph

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/postern-dev/postern/abi"
)

// Rate admits at most Count requests in any span of Per: exactly, where a token
// bucket would admit almost twice as many after a pause. The zero Rate admits all.
type Rate struct {
	// Owner is the line of the operator's file that sets the rate, for messages.
	Owner string
	count int
	per   time.Duration

	mu     sync.Mutex
	recent []time.Time // a ring of the last count admissions
	next   int
}

// NewRate admits count requests in any span of per; everything if count is 0.
func NewRate(owner string, count int, per time.Duration) *Rate {
	return &Rate{Owner: owner, count: count, per: per}
}

// Wait returns once the request may be sent. If that would be after ctx's
// deadline it returns [abi.Throttled] at once, and takes no place.
func (r *Rate) Wait(ctx context.Context) error {
	if r == nil || r.count == 0 {
		return nil
	}
	wait, err := r.reserve(ctx)
	if err != nil || wait <= 0 {
		return err
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Rate) reserve(ctx context.Context) (time.Duration, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	at := now
	if len(r.recent) == r.count {
		if free := r.recent[r.next].Add(r.per); free.After(at) {
			at = free
		}
	}
	if deadline, ok := ctx.Deadline(); ok && at.After(deadline) {
		return 0, &abi.Error{
			Code: abi.Throttled,
			Message: fmt.Sprintf("the rate %d/%s of %s is used up for %s, longer than the invocation may wait; try again then, or raise the rate",
				r.count, r.per, r.Owner, at.Sub(now).Round(time.Millisecond)),
			Detail: abi.Detail{RetryAfter: at.Sub(now), Rule: r.Owner, Time: now},
		}
	}
	if len(r.recent) < r.count {
		r.recent = append(r.recent, at)
	} else {
		r.recent[r.next] = at
		r.next = (r.next + 1) % r.count
	}
	return at.Sub(now), nil
}
