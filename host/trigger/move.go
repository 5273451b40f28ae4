package trigger

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postern-dev/postern/abi"
)

// KeyDigest is the SHA-256 of a key: what stores remember of it.
type KeyDigest = [sha256.Size]byte

// Memory is a [Store] that can hand out, and take, what it remembers of keys. Both of host/state are.
type Memory interface {
	Store
	// Known returns the digests of the keys of which records were committed.
	Known(ctx context.Context, trigger string) ([]KeyDigest, error)
	// Remember adds keys as if records of them had been committed now, for retain. Those that are known already are no error. At most [MaxBatch].
	Remember(ctx context.Context, l Lease, keys []KeyDigest, retain time.Duration) error
}

// moving is how long a move may take from one step to the next.
const moving = 5 * time.Minute

// moved begins what a store that a trigger has left, or has not quite reached, says of who paused it. arriving is what the latter says.
const (
	moved    = "moved to "
	arriving = moved + "this place in part"
)

// Move takes a trigger along from one store to another, so that it goes on there where it was: its state, its keys, its schedule, whether it is
// paused. Its counters begin anew. In the old store it is paused for good; moving it back from there takes that along again. place is what
// the other store is called.
//
// At no time it can run in both. It may be repeated when it was interrupted, which may have ended a pause. The error is [abi.Conflict] while any
// host runs the trigger, or something waits for a sink or the operator, or the trigger has run in the other store, and [abi.NotFound] if it never
// ran in the old one.
func Move(ctx context.Context, from, to Memory, trigger, holder, place string, retain time.Duration) error {
	holder = fmt.Sprintf("%.*s/%s", MaxHolder/2, holder, rand.Text()) // so that no store takes a second move for this one
	old, err := from.Lease(ctx, trigger, holder, moving)
	if err != nil {
		return err
	}
	defer release(ctx, from, old)
	taken, err := to.Lease(ctx, trigger, holder, moving)
	if err != nil {
		return err
	}
	defer release(ctx, to, taken)
	left, err := from.Load(ctx, trigger)
	if err != nil {
		return err
	}
	there, err := to.Load(ctx, trigger)
	if err != nil {
		return err
	}
	if left.Moved() && there.Moved() { // all but the last step was made, and neither has run since
		return to.Resume(ctx, trigger)
	}
	if err := movable(&left, &there, place); err != nil {
		return err
	}
	if !there.Moved() {
		if err := repause(ctx, to, trigger, arriving); err != nil {
			return err
		}
	}
	known, err := from.Known(ctx, trigger)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(known, MaxBatch) {
		if err := to.Remember(ctx, taken, some, retain); err != nil {
			return err
		}
		if err := errors.Join(renew(ctx, from, old), renew(ctx, to, taken)); err != nil {
			return err
		}
	}
	// The state comes last: without it the trigger has not moved yet.
	next := left.Next
	if next.IsZero() || left.Stopped() {
		next = time.Now()
	}
	if _, err := to.Commit(ctx, taken, Commit{State: left.State, Retain: retain, Began: left.Passed, Next: next}); err != nil {
		return err
	}
	if err := repause(ctx, from, trigger, moved+place); err != nil {
		return err
	}
	if left.Paused {
		return repause(ctx, to, trigger, left.PausedBy)
	}
	return to.Resume(ctx, trigger)
}

// repause pauses a trigger, whoever may have done so before.
func repause(ctx context.Context, s Store, trigger, by string) error {
	if err := s.Resume(ctx, trigger); err != nil {
		return err
	}
	return s.Pause(ctx, trigger, by)
}

// renew renews a lease, which must not have been another's in between.
func renew(ctx context.Context, s Store, l Lease) error {
	renewed, err := s.Lease(ctx, l.Trigger, l.Holder, moving)
	if err == nil && renewed.Fence != l.Fence {
		err = errors.Join(ErrLost, s.Release(ctx, renewed))
	}
	return err
}

func release(ctx context.Context, s Store, l Lease) {
	_ = s.Release(context.WithoutCancel(ctx), l) // else it ends by itself
}

// movable finds what keeps a trigger where it is.
func movable(left, there *Snapshot, place string) error {
	refuse := func(code abi.Code, format string, args ...any) error {
		return &abi.Error{Code: code, Message: fmt.Sprintf(format, args...)}
	}
	switch {
	case left.Moved():
		return refuse(abi.NotFound, "%s was %s before", left.Trigger, left.PausedBy)
	case left.LastRun.IsZero() && left.State == nil:
		return refuse(abi.NotFound, "%s never ran there, so there is nothing to move", left.Trigger)
	case !there.LastRun.IsZero() && !there.Moved():
		return refuse(abi.Conflict, "%s has run in the %s already; nothing was changed", left.Trigger, place)
	}
	for _, s := range []*Snapshot{left, there} {
		for sink, b := range s.Backlogs {
			if b.Pending+b.Parked > 0 {
				return refuse(abi.Conflict, "records of %s for the sink %s wait (%d) or are parked (%d); have them delivered, replayed or dropped first, where they are",
					left.Trigger, sink, b.Pending, b.Parked)
			}
		}
	}
	return nil
}

// Moved reports whether the trigger has left this store for another one, by [Move], or has come to it only in part.
func (s *Snapshot) Moved() bool { return s.Paused && strings.HasPrefix(s.PausedBy, moved) }
