package sandbox

import (
	"errors"
	"sync"
)

// ErrClosed is returned for what is asked of a [Runtime] or [Module] that was closed.
var ErrClosed = errors.New("sandbox: closed")

// users counts who uses something, so that closing it waits for them: memory that
// is unmapped under a running guest ends the process.
type users struct {
	mu     sync.Mutex
	closed bool
	inside sync.WaitGroup
}

// enter reports whether it may still be used; leave ends the use.
func (u *users) enter() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return false
	}
	u.inside.Add(1)
	return true
}

func (u *users) leave() { u.inside.Done() }

// close lets nobody in any more and waits for those inside. It reports whether it
// was the first to close.
func (u *users) close() bool {
	u.mu.Lock()
	first := !u.closed
	u.closed = true
	u.mu.Unlock()
	u.inside.Wait()
	return first
}
