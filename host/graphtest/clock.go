package graphtest

import (
	"sync"
	"time"
)

// A Clock is a virtual clock for WithClock: it stands still until it is moved, so that a test says when a token expires, a wait is over or
// a mail becomes visible. Its methods may be called by several goroutines.
//
//	clock := graphtest.NewClock(time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC))
//	server, err := graphtest.NewServer(graphtest.WithClock(clock.Now))
//	clock.Advance(time.Hour)
//
// In a bubble of testing/synctest time.Now is such a clock already.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock makes a clock that shows the time.
func NewClock(start time.Time) *Clock { return &Clock{now: start} }

// Now is the time that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock forward, and returns the time that it then shows. A clock does not go back: a negative duration is zero.
func (c *Clock) Advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(max(0, d))
	return c.now
}
