package notify

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	mathrand "math/rand/v2"
	"time"

	"github.com/postern-dev/postern/abi"
)

const (
	// life is how long a subscription lasts unless it is renewed, which is at about half of it. Graph would allow 4,230 minutes for
	// conversations and 10,080 for messages. But one whose process was killed should soon be gone, and a renewal is a new authorization
	// too, which Graph asks for whenever a token gets old.
	// Source: https://learn.microsoft.com/graph/change-notifications-overview#subscription-lifetime
	life = time.Hour
	// firstRetry and longestRetry bound the wait after a subscription could not be made or renewed.
	firstRetry   = time.Minute
	longestRetry = time.Hour
	// requestWithin bounds one request, with its retries; Graph calls the receiver twice while a subscription is made.
	requestWithin = time.Minute
	// deleteWithin is how long the deletion may hold up the end.
	deleteWithin = 5 * time.Second
	// look is how often the clock is looked at: a machine that slept has moved it on.
	look = time.Minute
)

// Graph makes the requests about one subscription.
type Graph interface {
	// Create makes a subscription of which notifications go to an address, with a secret that they carry.
	Create(ctx context.Context, address, clientState string, until time.Time) (id string, ends time.Time, err error)
	// Renew has it last longer. The error is [abi.NotFound] if it is gone.
	Renew(ctx context.Context, id string, until time.Time) (ends time.Time, err error)
	Delete(ctx context.Context, id string) error
}

// Keeper keeps one subscription. All but Logger and Now must be set.
type Keeper struct {
	Graph    Graph
	Receiver *Receiver
	// Wake is called for each notification, and must return at once. It has to bound what follows from that.
	Wake func()
	// Note is called when a subscription was made, renewed or deleted, or could not be: until when there is one, and what went wrong.
	Note func(ends time.Time, failure error)
	// Logger takes what happens. Nil is [slog.Default].
	Logger *slog.Logger
	// Now is the clock of the times that Graph is given. Nil is [time.Now].
	Now func() time.Time
}

// subscription is the one that there is; its id is empty if there is none.
type subscription struct {
	id     string
	ends   time.Time
	forget func()
}

// Keep keeps a subscription until ctx ends, and then deletes it. While there is none nobody is told of changes, and Keep tries again.
func (k Keeper) Keep(ctx context.Context) {
	if k.Logger == nil {
		k.Logger = slog.Default()
	}
	if k.Now == nil {
		k.Now = time.Now
	}
	var s subscription
	asked := make(chan struct{}, 1)
	for failures := 0; ctx.Err() == nil; {
		err := k.tend(ctx, &s, asked)
		if ctx.Err() != nil {
			break
		}
		k.Note(s.ends, err)
		wait := s.ends.Sub(k.Now())
		wait = wait/2 + mathrand.N(max(wait/10, 1))
		if err == nil {
			failures = 0
			k.wait(ctx, firstRetry, nil) // however often Graph asks
			k.wait(ctx, wait-firstRetry, asked)
			continue
		}
		failures++
		wait = retryAfter(err, failures)
		k.Logger.Warn("Graph does not tell of changes; the trigger runs whenever it is due", "error", err.Error(), "again", wait.Round(time.Second))
		k.wait(ctx, wait, nil)
	}
	k.end(ctx, &s)
}

// tend renews the subscription, or makes one if it is gone.
func (k Keeper) tend(ctx context.Context, s *subscription, asked chan struct{}) error {
	if err := k.Receiver.Open(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, requestWithin)
	defer cancel()
	now := k.Now()
	until := now.Add(life)
	if s.id != "" {
		ends, err := k.Graph.Renew(ctx, s.id, until)
		if err == nil {
			s.ends = ends
			return nil
		}
		if !errors.Is(err, abi.NotFound) && now.Before(s.ends) {
			return err
		}
		s.forget()
		*s = subscription{}
	}
	// Should it be made, and nobody hear of that, it ends by itself, and its notifications are nobody's.
	secret := rand.Text() + rand.Text() // 260 bits
	id, ends, err := k.Graph.Create(ctx, k.Receiver.address(), secret, until)
	if err != nil {
		return err
	}
	*s = subscription{id, ends, k.Receiver.expect(id, secret, func(lifecycle bool) {
		if lifecycle {
			select {
			case asked <- struct{}{}:
			default:
			}
		}
		k.Wake() // Graph may have held back what came before
	})}
	k.Logger.Info("Graph tells of changes", "subscription", id, "ends", ends)
	k.Wake() // for what came since the last run
	return nil
}

// end deletes the subscription.
func (k Keeper) end(ctx context.Context, s *subscription) {
	if s.id == "" {
		return
	}
	s.forget()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteWithin)
	defer cancel()
	if err := k.Graph.Delete(ctx, s.id); err != nil && !errors.Is(err, abi.NotFound) {
		k.Logger.Warn("a subscription could not be deleted, and ends by itself", "subscription", s.id, "ends", s.ends, "error", err.Error())
	}
	k.Note(time.Time{}, nil)
}

// retryAfter is how long to wait after so many failures, half of it for sure and the rest by chance.
func retryAfter(err error, failures int) time.Duration {
	wait := firstRetry
	for ; failures > 1 && wait < longestRetry; failures-- {
		wait *= 2
	}
	wait = min(wait, longestRetry)
	var failure *abi.Error
	if errors.As(err, &failure) {
		wait = max(wait, 2*failure.Detail.RetryAfter)
	}
	return wait/2 + mathrand.N(wait/2)
}

// wait waits for a time by the clock, or for a signal.
func (k Keeper) wait(ctx context.Context, d time.Duration, signal <-chan struct{}) {
	for until := k.Now().Add(d); ctx.Err() == nil; {
		left := until.Sub(k.Now())
		if left <= 0 {
			return
		}
		timer := time.NewTimer(min(left, look))
		select {
		case <-ctx.Done():
		case <-signal:
			timer.Stop()
			return
		case <-timer.C:
		}
		timer.Stop()
	}
}
