package graph

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/postern-dev/postern/abi"
)

// Limit bounds requests before they are sent: how many are under way at once, and how
// many begin in any span of time. The span is exact, where a token bucket would admit almost
// twice as many after a pause. Requests that wait take turns by their callers, so that one in a
// loop keeps no other from its share. A nil Limit admits all. It is safe for concurrent use.
type Limit struct {
	rule   string // what sets the limit, for messages
	bounds Bounds
	clock  Clock

	mu   sync.Mutex
	busy int
	// begun are the times of admission that matter still, in order.
	begun []time.Time
	// paused is until when nothing is admitted.
	paused  time.Time
	waiting turns
	// stop ends the timer that admits at due, when the next place in the span is free; nil when nobody waits for that.
	stop func() bool
	due  time.Time
}

// Shared is a bound that other hosts keep too.
type Shared interface {
	// Enter returns once n requests may be sent.
	Enter(ctx context.Context, n int) error
}

// Bounds are those of a Limit; 0 is no bound.
type Bounds struct {
	// AtOnce is how many requests may be under way.
	AtOnce int
	// Count is how many may begin in any span of Per.
	Count int
	Per   time.Duration
}

// NewLimit makes a limit that rule sets: the key of the operator's file, or words.
func NewLimit(rule string, bounds Bounds) *Limit { return &Limit{rule: rule, bounds: bounds} }

// By has the limit, which nobody uses yet, go by another clock than the system's, and returns it.
func (l *Limit) By(clock Clock) *Limit {
	l.clock = clock
	return l
}

// Enter returns once n requests may be sent together; Leave has to be called when they were
// answered. More than the limit admits at once, or in a span, count as that many. If it is certain that
// ctx ends sooner, Enter returns [abi.Throttled] at once. When ctx ends while it waits, it
// returns the context's error.
func (l *Limit) Enter(ctx context.Context, caller Caller, n int) error {
	if l == nil || l.bounds == (Bounds{}) {
		return nil
	}
	n = l.counted(n)
	l.mu.Lock()
	now := l.clock.now()
	if l.waiting.size == 0 && l.free(now, n) {
		l.admit(now, n)
		l.mu.Unlock()
		return nil
	}
	path := caller.path()
	earliest := l.after(int(l.waiting.ahead(path[:]))+n-1, now)
	if endsWithin(ctx, earliest.Sub(now)) {
		l.mu.Unlock()
		return l.throttled(earliest, now)
	}
	w := &waiter{path, n, make(chan struct{})}
	l.waiting.push(path[:], w)
	l.serve(now)
	l.mu.Unlock()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting.remove(path[:], w) {
		l.serve(l.clock.now()) // it may have kept a smaller one waiting
	} else { // it was admitted at the same moment
		l.leave(n)
	}
	return ctx.Err()
}

// Leave ends n requests that were admitted together.
func (l *Limit) Leave(n int) {
	if l == nil || l.bounds == (Bounds{}) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leave(l.counted(n))
}

// count is how many requests can ever be sent together.
func (l *Limit) count() int {
	if l == nil || l.bounds.Count == 0 {
		return math.MaxInt
	}
	return l.bounds.Count
}

// counted is how many places of the span n requests take that are sent together.
func (l *Limit) counted(n int) int {
	if l.bounds.Count > 0 {
		return min(n, l.bounds.Count)
	}
	return n
}

func (l *Limit) leave(n int) {
	l.busy -= l.atOnce(n)
	if l.waiting.size > 0 {
		l.serve(l.clock.now())
	}
}

// atOnce is how many of n requests that are sent together count as under way: the server itself
// takes no more of them at once than it may.
func (l *Limit) atOnce(n int) int {
	if l.bounds.AtOnce > 0 {
		return min(n, l.bounds.AtOnce)
	}
	return n
}

// Pause admits nothing until a time: the server asked for it.
func (l *Limit) Pause(until time.Time) {
	if l == nil || l.bounds == (Bounds{}) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if until.After(l.paused) {
		l.paused = until
	}
}

// idle reports whether forgetting the limit would change nothing.
func (l *Limit) idle(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.busy == 0 && l.waiting.size == 0 && !l.paused.After(now) &&
		(len(l.begun) == 0 || !l.begun[len(l.begun)-1].Add(l.bounds.Per).After(now))
}

// free reports whether n may be admitted now.
func (l *Limit) free(now time.Time, n int) bool {
	return !l.full(n) && !l.after(n-1, now).After(now)
}

func (l *Limit) full(n int) bool {
	return l.bounds.AtOnce > 0 && l.busy+l.atOnce(n) > l.bounds.AtOnce
}

// after is when the span of time and the pause let the next request begin after n others have.
func (l *Limit) after(n int, now time.Time) time.Time {
	at := now
	if l.paused.After(at) {
		at = l.paused
	}
	if l.bounds.Count == 0 {
		return at
	}
	// Each place is free again Per after the one that is Count before it.
	i, spans := len(l.begun)+n-l.bounds.Count, time.Duration(1)
	for ; i >= len(l.begun); spans++ {
		i -= l.bounds.Count
	}
	if i < 0 { // one of those that begin now, or later
		return at.Add((spans - 1) * l.bounds.Per)
	}
	if free := l.begun[i].Add(spans * l.bounds.Per); free.After(at) {
		return free
	}
	return at
}

func (l *Limit) admit(now time.Time, n int) {
	l.busy += l.atOnce(n)
	if l.bounds.Count > 0 {
		l.forget(now.Add(-l.bounds.Per))
		for range n {
			l.begun = append(l.begun, now)
		}
	}
}

// serve admits those whose turn it is, and sees to it that the next are when time lets them.
func (l *Limit) serve(now time.Time) {
	for l.waiting.size > 0 && l.free(now, l.waiting.peek().n) {
		w := l.waiting.pop()
		l.admit(now, w.n)
		close(w.ready)
	}
	if l.waiting.size == 0 {
		return
	}
	next := l.waiting.peek()
	if l.full(next.n) {
		return // whoever leaves next serves again
	}
	at := l.after(next.n-1, now)
	if l.stop != nil {
		if !at.Before(l.due) {
			return // it looks again then
		}
		l.stop() // it was for more places, which nobody waits for any more
	}
	l.due = at
	l.stop = l.clock.afterFunc(at.Sub(now), func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.stop = nil
		l.serve(l.clock.now())
	})
}

// forget drops the times up to one, once they are half of all, so that it costs
// little for each.
func (l *Limit) forget(until time.Time) {
	half := len(l.begun) / 2
	if half == len(l.begun) || !l.begun[half].Before(until) {
		return
	}
	old, _ := slices.BinarySearchFunc(l.begun, until, time.Time.Compare)
	l.begun = slices.Delete(l.begun, 0, old)
}

func (l *Limit) throttled(at, now time.Time) error {
	wait := at.Sub(now)
	if l.paused.After(now) {
		return &abi.Error{
			Code:    abi.Throttled,
			Message: fmt.Sprintf("Graph asked to be left alone for another %s, longer than the invocation may wait; try again then", wait.Round(time.Millisecond)),
			Detail:  abi.Detail{RetryAfter: wait, Time: now},
		}
	}
	return &abi.Error{
		Code: abi.Throttled,
		Message: fmt.Sprintf("the rate %d/%s of %s is used up for %s, longer than the invocation may wait; try again then, or raise the rate",
			l.bounds.Count, l.bounds.Per, l.rule, wait.Round(time.Millisecond)),
		Detail: abi.Detail{RetryAfter: wait, Rule: l.rule, Time: now},
	}
}
