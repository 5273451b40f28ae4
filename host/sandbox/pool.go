package sandbox

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// pool keeps the pristine instances of one module between invocations. Places
// bound those in use and idle together, and are given out in the order of asking.
type pool struct {
	places *semaphore.Weighted
	// keep is how long an idle instance is kept.
	keep time.Duration
	// busy is how many places are taken.
	busy atomic.Int64

	mu     sync.Mutex
	idle   []*instance // the one used last is the last
	sweep  *time.Timer // set while there are idle instances
	closed bool
}

func newPool(places int, keep time.Duration) *pool {
	return &pool{places: semaphore.NewWeighted(int64(places)), keep: keep}
}

// enter waits for a place. leave gives it back.
func (p *pool) enter(ctx context.Context) error {
	err := p.places.Acquire(ctx, 1)
	if err == nil {
		p.busy.Add(1)
	}
	return err
}

func (p *pool) leave() {
	p.busy.Add(-1)
	p.places.Release(1)
}

// count is how many instances are idle, and how many places are taken.
func (p *pool) count() (idle, busy int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle), int(p.busy.Load())
}

// take returns the idle instance that was used last, of which most is still in
// the processor's caches, or nil.
func (p *pool) take() *instance {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	last := len(p.idle) - 1
	i := p.idle[last]
	p.idle[last] = nil
	p.idle = p.idle[:last]
	return i
}

// put keeps a pristine instance. It reports false if the pool is closed.
func (p *pool) put(i *instance) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	i.idleSince = time.Now()
	p.idle = append(p.idle, i)
	if p.sweep == nil {
		p.sweep = time.AfterFunc(p.keep, p.evict)
	}
	return true
}

// evict closes the instances that were idle for too long, and comes again for the rest.
func (p *pool) evict() {
	p.mu.Lock()
	now := time.Now()
	fresh := slices.IndexFunc(p.idle, func(i *instance) bool { return now.Sub(i.idleSince) < p.keep })
	if fresh < 0 {
		fresh = len(p.idle)
	}
	old := slices.Clone(p.idle[:fresh])
	p.idle = slices.Delete(p.idle, 0, fresh)
	p.sweep = nil
	if len(p.idle) > 0 {
		p.sweep = time.AfterFunc(p.idle[0].idleSince.Add(p.keep).Sub(now), p.evict)
	}
	p.mu.Unlock()
	for _, i := range old {
		i.close(context.Background())
	}
}

// close closes the idle instances; those in use are closed by who uses them.
func (p *pool) close(ctx context.Context) {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	if p.sweep != nil {
		p.sweep.Stop()
	}
	p.mu.Unlock()
	for _, i := range idle {
		i.close(ctx)
	}
}
