package trigger

import (
	"errors"
	"math/rand/v2"
	"time"
)

// Backoff is how often a delivery is tried, and when. The zero value is [DefaultBackoff].
type Backoff struct {
	// First is the wait after the first attempt that failed. It doubles with each further one, up to Most.
	First, Most time.Duration
	// Attempts is how many may fail before the record is parked.
	Attempts int
}

// DefaultBackoff tries for about a day: at 1 s, 2 s, 4 s … and then every ten minutes.
func DefaultBackoff() Backoff {
	return Backoff{First: time.Second, Most: 10 * time.Minute, Attempts: 150}
}

// Wait is how long to wait after so many attempts have failed: half of the time for sure and the rest by chance, so that what failed
// together does not come back together.
func (b Backoff) Wait(attempts int) time.Duration {
	if b == (Backoff{}) {
		b = DefaultBackoff()
	}
	wait := b.First
	for ; attempts > 1 && wait < b.Most; attempts-- {
		wait *= 2
	}
	wait = max(min(wait, b.Most), 1)
	return wait/2 + rand.N(wait/2+1)
}

// Outcomes says how the deliveries ended that a sink was handed, from what its Deliver returned at a time. One that is in doubt has no
// outcome, and stays so.
func (b Backoff) Outcomes(deliveries []Delivery, acknowledged int, err error, now time.Time) []Outcome {
	if b == (Backoff{}) {
		b = DefaultBackoff()
	}
	outcomes := make([]Outcome, 0, len(deliveries))
	for i := range deliveries {
		o := Outcome{Seq: deliveries[i].Seq, Result: Returned}
		switch {
		case i < acknowledged:
			o.Result = Acknowledged
		case i == acknowledged && err != nil:
			var doubt *DoubtError
			if errors.As(err, &doubt) {
				continue
			}
			b.failed(&o, deliveries[i].Attempts+1, err, now)
		}
		outcomes = append(outcomes, o)
	}
	return outcomes
}

func (b Backoff) failed(o *Outcome, attempts int, err error, now time.Time) {
	o.Reason = err.Error()
	var permanent *PermanentError
	if errors.As(err, &permanent) || attempts >= b.Attempts {
		o.Result = Spoiled
		return
	}
	o.Result = Failed
	wait := b.Wait(attempts)
	var later *LaterError
	if errors.As(err, &later) {
		wait = max(wait, min(later.After, longestDelay))
	}
	o.NotBefore = now.Add(wait)
}
