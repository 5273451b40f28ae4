package graph

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/postern-dev/postern/abi"
)

// Rate admits at most Count requests in any span of Per: exactly, where a token
// bucket would admit almost twice as many after a pause. The zero Rate admits all.
type Rate struct {
	owner string // the line of the operator's file that sets the rate, for messages
	count int
	per   time.Duration

	mu sync.Mutex
	// places are the times of admission that matter still, past and to come, in order.
	places []time.Time
}

// NewRate admits count requests in any span of per; everything if count is 0.
func NewRate(owner string, count int, per time.Duration) *Rate {
	return &Rate{owner: owner, count: count, per: per}
}

// Wait returns once the request may be sent. If that would be after ctx's
// deadline it returns [abi.Throttled] at once, and takes no place.
func (r *Rate) Wait(ctx context.Context) error {
	if r == nil || r.count == 0 {
		return nil
	}
	at, err := r.reserve(ctx)
	if err != nil {
		return err
	}
	wait := time.Until(at)
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		r.giveBack(at)
		return ctx.Err()
	}
}

// giveBack frees the place of a caller that went away.
func (r *Rate) giveBack(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.Index(r.places, at); i >= 0 {
		r.places = slices.Delete(r.places, i, i+1)
	}
}

// reserve takes the next free place and returns its time.
func (r *Rate) reserve(ctx context.Context) (time.Time, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.forget(now.Add(-r.per))
	at := now
	if n := len(r.places); n >= r.count {
		if free := r.places[n-r.count].Add(r.per); free.After(at) {
			at = free
		}
	}
	if deadline, ok := ctx.Deadline(); ok && at.After(deadline) {
		return at, &abi.Error{
			Code: abi.Throttled,
			Message: fmt.Sprintf("the rate %d/%s of %s is used up for %s, longer than the invocation may wait; try again then, or raise the rate",
				r.count, r.per, r.owner, at.Sub(now).Round(time.Millisecond)),
			Detail: abi.Detail{RetryAfter: at.Sub(now), Rule: r.owner, Time: now},
		}
	}
	// Places that were given back can have left a gap before the last.
	i, _ := slices.BinarySearchFunc(r.places, at, time.Time.Compare)
	r.places = slices.Insert(r.places, i, at)
	return at, nil
}

// forget drops the places up to a time, once they are half of all, so that it costs
// little for each.
func (r *Rate) forget(until time.Time) {
	old, _ := slices.BinarySearchFunc(r.places, until, time.Time.Compare)
	if old > len(r.places)/2 {
		r.places = slices.Delete(r.places, 0, old)
	}
}
