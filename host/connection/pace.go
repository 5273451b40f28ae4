package connection

import (
	"context"
	"time"
)

// slowDown is what a device waits longer after it was told to. Source: RFC 8628, section 3.5.
const slowDown = 5 * time.Second

// pace keeps a device that waits for its user from asking more often than it was told to: MSAL begins with three questions a second. The
// zero value does not wait.
type pace struct {
	every time.Duration
	next  time.Time
}

// begin starts to keep pace.
func (p *pace) begin(every time.Duration) { p.every, p.next = every, time.Now().Add(every) }

func (p *pace) wait(ctx context.Context) error {
	if p.every == 0 {
		return nil
	}
	timer := time.NewTimer(time.Until(p.next))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	p.next = time.Now().Add(p.every)
	return nil
}

// slower takes an answer into account.
func (p *pace) slower(word string) {
	if p.every > 0 && word == "slow_down" {
		p.every += slowDown
		p.next = time.Now().Add(p.every)
	}
}
