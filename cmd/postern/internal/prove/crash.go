package prove

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/trigger"
)

// errDead is what everything says to a host that has died.
var errDead = errors.New("the host has died")

// life is that of one host: it ends at a step that nobody knows before. A nil life does not end.
type life struct {
	world *world
	// left is how many steps it has; zero is that it is over, and negative that it has no end.
	left int
}

// step is one, after which the host may be dead.
func (l *life) step() error {
	l.world.mu.Lock()
	defer l.world.mu.Unlock()
	if l.left > 0 {
		l.left--
	}
	return l.dead()
}

func (l *life) dead() error {
	if l.left == 0 {
		return errDead
	}
	return nil
}

func (l *life) isOver() bool {
	l.world.mu.Lock()
	defer l.world.mu.Unlock()
	return l.left == 0
}

// around does something between two steps: the host may die before it, or after it with the outcome unknown to it.
func (l *life) around(do func() error) error {
	if err := l.step(); err != nil {
		return err
	}
	err := do()
	return errors.Join(err, l.step())
}

// transport carries requests, counts them, and lets the time pass that they take.
type transport struct {
	*life
	to       http.RoundTripper
	requests *int
}

func (t transport) RoundTrip(request *http.Request) (response *http.Response, err error) {
	err = t.around(func() (err error) {
		t.world.advance(requestTakes)
		t.world.mu.Lock()
		*t.requests++
		t.world.mu.Unlock()
		response, err = t.to.RoundTrip(request)
		return err
	})
	if err != nil && response != nil {
		_ = response.Body.Close() // nobody is there to read it
		response = nil
	}
	return response, err
}

// store is a store whose process may die at every change.
type store struct {
	trigger.Store
	*life
}

// lease is how long leases last: time passes in leaps here.
const lease = time.Hour

func (s store) Lease(ctx context.Context, name, holder string, _ time.Duration) (l trigger.Lease, err error) {
	err = s.around(func() (err error) {
		l, err = s.Store.Lease(ctx, name, holder, lease)
		return err
	})
	return l, err
}

func (s store) Release(ctx context.Context, l trigger.Lease) error {
	return s.around(func() error { return s.Store.Release(ctx, l) })
}

func (s store) Seen(ctx context.Context, name string, keys []string) (seen []bool, err error) {
	err = s.around(func() (err error) {
		seen, err = s.Store.Seen(ctx, name, keys)
		return err
	})
	return seen, err
}

func (s store) Commit(ctx context.Context, l trigger.Lease, c trigger.Commit) (done trigger.Committed, err error) {
	err = s.around(func() (err error) {
		done, err = s.Store.Commit(ctx, l, c)
		return err
	})
	return done, err
}

func (s store) Schedule(ctx context.Context, l trigger.Lease, next time.Time, failure *abi.Error) error {
	return s.around(func() error { return s.Store.Schedule(ctx, l, next, failure) })
}

func (s store) Begin(ctx context.Context, l trigger.Lease, sink string, seqs []uint64) error {
	return s.around(func() error { return s.Store.Begin(ctx, l, sink, seqs) })
}

func (s store) Settle(ctx context.Context, l trigger.Lease, sink string, outcomes []trigger.Outcome) error {
	return s.around(func() error { return s.Store.Settle(ctx, l, sink, outcomes) })
}

// sink takes what it is given. It is no part of the host, and does not die with it.
type sink struct {
	*life
	got *received
}

// received is what a sink has: how often it got the record of each key, and all of them.
type received struct {
	keys       map[string]int
	deliveries []delivery
}

// delivery is a record that came at a time.
type delivery struct {
	content []byte
	at      time.Time
}

func (s sink) Deliver(_ context.Context, records []trigger.Delivery) (acknowledged int, err error) {
	for _, r := range records {
		if err := s.around(func() error {
			s.got.keys[r.Key]++
			s.got.deliveries = append(s.got.deliveries, delivery{r.Content, s.world.clock.Now()})
			return nil
		}); err != nil {
			return acknowledged, &trigger.DoubtError{Reason: err.Error()}
		}
		acknowledged++
	}
	return acknowledged, nil
}

func (s sink) Holds(_ context.Context, records []trigger.Delivery) ([]bool, error) {
	holds := make([]bool, len(records))
	for i, r := range records {
		holds[i] = s.got.keys[r.Key] > 0
	}
	return holds, s.step()
}

func (s sink) Close() error { return nil }
