package jetstream

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/trigger"
)

// A rate is drawn on in portions, so that not every request asks the server: three quarters of it as time goes by, an eighth at once after a
// pause, and an eighth is left for portions that a host drew and has not used yet. So it is kept, over all hosts, in every span.
const (
	portions   = 32
	steadily   = 0.75
	atOnce     = 0.125
	rateWindow = 2 // for how many spans a rate that nobody uses is kept
)

// Rate is a rate of requests that the hosts on one stream keep together, such as that of a connection.
type Rate struct {
	store *Store
	name  string
	count int
	per   time.Duration

	mu      sync.Mutex
	portion int // as much as this host uses in the time that a portion is good for
	left    int // of the one that was drawn
	till    time.Time
}

// Rate returns the rate of that name, a connection's: count requests in any span of time per. All hosts must name the same.
func (s *Store) Rate(name string, count int, per time.Duration) (*Rate, error) {
	if err := trigger.CheckName("connection", name); err != nil {
		return nil, err
	}
	if count < 1 || per < time.Second {
		return nil, &abi.Error{
			Code: abi.InvalidInput, Message: fmt.Sprintf("%d requests in %s are no rate that hosts can share; name at least 1 in 1s", count, per),
		}
	}
	return &Rate{store: s, name: name, count: count, per: per, portion: 1}, nil
}

// Enter returns once n requests may begin. If it is certain that ctx ends sooner, the error is [abi.Throttled] at once.
func (r *Rate) Enter(ctx context.Context, n int) error {
	for {
		wait, err := r.Take(ctx, n)
		if err != nil || wait == 0 {
			return err
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait {
			return &abi.Error{
				Code: abi.Throttled,
				Message: fmt.Sprintf(
					"the rate %d/%s of connection %s is used up by all hosts together for %s, longer than the invocation may wait; try again then",
					r.count, r.per, r.name, wait.Round(time.Millisecond)),
				Detail: abi.Detail{RetryAfter: wait},
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// Take lets n requests begin now, or tells when to ask again. More than can ever begin at once count as that many.
func (r *Rate) Take(ctx context.Context, n int) (wait time.Duration, err error) {
	r.mu.Lock() // one at a time draws; the others find what it has left
	defer r.mu.Unlock()
	now := r.store.now()
	n = max(min(n, r.burst()), 1)
	if now.After(r.till) && r.left > 0 { // it was too much
		r.portion, r.left = max(r.portion-r.left, 1), 0
	}
	if r.left < n {
		if !now.After(r.till) { // it was used up before its time
			r.portion = min(2*r.portion, max(r.count/portions, 1))
		}
		portion := max(n-r.left, min(r.portion, r.burst()))
		if wait, err := r.draw(ctx, portion, now); wait > 0 || err != nil {
			return wait, explain(err)
		}
		r.left += portion
		r.till = now.Add(r.per / portions)
	}
	r.left -= n
	return 0, nil
}

func (r *Rate) burst() int { return max(int(float64(r.count)*atOnce), 1) }

// level is how full a rate is: the time at which all that was drawn is paid for.
type level struct {
	Paid time.Time `json:"paid"`
}

// draw takes a portion from what all hosts have.
func (r *Rate) draw(ctx context.Context, portion int, now time.Time) (wait time.Duration, err error) {
	subject := r.store.subject("rate", r.name)
	each := time.Duration(float64(r.per) / (float64(r.count) * steadily))
	if r.count == 1 {
		each = r.per // one at once is all of it
	}
	for ctx.Err() == nil {
		var l level
		seq := uint64(0)
		msg, err := r.store.get(ctx, subject)
		if err != nil {
			return 0, err
		}
		if msg != nil {
			if seq = msg.Sequence; json.Unmarshal(msg.Data, &l) != nil {
				return 0, damaged("the rate of connection " + r.name)
			}
		}
		if l.Paid.Before(now) || l.Paid.After(now.Add(rateWindow*r.per)) { // a clock that was far ahead must not stop all hosts
			l.Paid = now
		}
		l.Paid = l.Paid.Add(time.Duration(portion) * each)
		if over := l.Paid.Sub(now) - time.Duration(r.burst())*each; over > 0 {
			return over, nil
		}
		_, err = r.store.put(ctx, subject, encode(l), jetstream.WithExpectLastSequencePerSubject(seq))
		if !isStale(err) {
			return 0, err
		}
	}
	return 0, ctx.Err()
}
