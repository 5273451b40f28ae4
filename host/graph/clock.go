package graph

import (
	"context"
	"math/rand/v2"
	"time"
)

// Clock tells the time and waits by it. The zero Clock is the system's; another one lets a day pass in a moment.
type Clock struct {
	// Now is the time; nil is [time.Now].
	Now func() time.Time
	// AfterFunc calls f in a goroutine of its own once d has passed, unless stop comes first; nil is [time.AfterFunc].
	AfterFunc func(d time.Duration, f func()) (stop func() bool)
	// Random draws the part of a wait that is left to chance, from 0 to most; nil draws by math/rand.
	Random func(most time.Duration) time.Duration
}

func (c Clock) random(most time.Duration) time.Duration {
	if c.Random == nil {
		return rand.N(most + 1)
	}
	return c.Random(most)
}

func (c Clock) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

func (c Clock) afterFunc(d time.Duration, f func()) (stop func() bool) {
	if c.AfterFunc == nil {
		return time.AfterFunc(d, f).Stop
	}
	return c.AfterFunc(d, f)
}

// sleep returns when d has passed, or when ctx ends, with its error.
func (c Clock) sleep(ctx context.Context, d time.Duration) error {
	over := make(chan struct{})
	stop := c.afterFunc(d, func() { close(over) })
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		stop()
		return ctx.Err()
	}
}

// endsWithin reports whether ctx ends before a wait would. Its deadline is one of the system's clock.
func endsWithin(ctx context.Context, wait time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) <= wait
}
