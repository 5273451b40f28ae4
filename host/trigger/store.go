package trigger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postern-dev/postern/abi"
)

// Store keeps triggers durably. What a method has done when it returns outlives the process and the machine's power; a process that is
// killed within a method has done all of it or nothing. Its methods may be called at the same time, by several processes.
//
// Methods that take a [Lease] change nothing and return [ErrLost] unless it is the current one. Bounds that are exceeded are
// [abi.InvalidInput].
//
// host/state has two: one file for one machine, and a stream of NATS for several.
type Store interface {
	// Lease takes the trigger's lease for holder, or renews it, for ttl: 1 s to 1 h. If another has it the error is a [*HeldError].
	// A store renews only what it took itself: the lease of a process that has ended is another's, even of the same holder. Where a
	// store can tell that the process has ended, its lease has too.
	Lease(ctx context.Context, trigger, holder string, ttl time.Duration) (Lease, error)
	// Release ends the lease. It is no error if it is lost already.
	Release(ctx context.Context, l Lease) error

	// Load returns what is known of a trigger, which is little of one that never ran.
	Load(ctx context.Context, trigger string) (Snapshot, error)
	// List returns all triggers that ever ran or were paused, by name, without their states.
	List(ctx context.Context) ([]Snapshot, error)
	// Pause keeps a trigger from being due until Resume. by is who says so. Doing either twice is no error.
	Pause(ctx context.Context, trigger, by string) error
	Resume(ctx context.Context, trigger string) error
	// Wake makes a trigger due at a time, if it is not due sooner.
	Wake(ctx context.Context, trigger string, at time.Time) error

	// Seen tells of each key whether a record of it was committed, and remembers those that were for as long again. It takes at most
	// [abi.MaxKeys].
	Seen(ctx context.Context, trigger string, keys []string) ([]bool, error)
	// Commit keeps records, keys, state and schedule in one transaction.
	Commit(ctx context.Context, l Lease, c Commit) (Committed, error)
	// Schedule says that a run has failed, and when the trigger is due again. A nil failure only sets when it is due.
	Schedule(ctx context.Context, l Lease, next time.Time, failure *abi.Error) error

	// Watched keeps what is known of the notifications of a trigger. It changes nothing else.
	Watched(ctx context.Context, l Lease, w Watch) error

	// Pending returns the first deliveries of a sink, in order, at most limit and [MaxBatch]; fewer if their contents are over
	// [MaxPending] bytes, but at least one if there is one.
	Pending(ctx context.Context, trigger, sink string, limit int) ([]Delivery, error)
	// Begin notes that deliveries of these places go out now, before they do. They are in doubt until Settle. The error is [abi.Conflict], and
	// nothing has begun, if one is not pending.
	Begin(ctx context.Context, l Lease, sink string, seqs []uint64) error
	// Settle notes how deliveries ended. A place that is not pending any more is passed over.
	Settle(ctx context.Context, l Lease, sink string, outcomes []Outcome) error

	// Parked returns the oldest of a trigger's dead letters, at most limit and [MaxBatch], with an ID over after. Fewer if their contents are
	// over [MaxPending] bytes.
	Parked(ctx context.Context, trigger string, after uint64, limit int) ([]Parked, error)
	// Replay puts dead letters back, at the end of the outbox with new places, no attempts and no doubt. Drop forgets them. IDs that are not
	// there are passed over; both return how many were.
	Replay(ctx context.Context, trigger string, ids []uint64) (int, error)
	Drop(ctx context.Context, trigger string, ids []uint64) (int, error)

	// Blobs tells of each name whether a record that waits for a sink, or is parked, refers to it. At most [MaxBlobs].
	Blobs(ctx context.Context, names []string) ([]bool, error)

	// Close releases the store, and the leases that it took.
	Close() error
}

// MaxPending bounds the contents that [Store.Pending] and [Store.Parked] return at once, in bytes, so that memory stays flat.
const MaxPending = 8 << 20

// ErrLost says that a lease is not the current one: it ended, and another host may have taken over. What was to be changed was not.
var ErrLost = errors.New("the trigger's lease is lost; another host may run it now")

// HeldError says that another host has the lease of a trigger.
type HeldError struct {
	// Lease is the other's. Its Fence is of no use to anybody else and left out.
	Lease Lease
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("trigger %s is run by %s, until %s unless it goes on; try again then, or stop that host",
		e.Lease.Trigger, e.Lease.Holder, e.Lease.Until.UTC().Format(time.RFC3339))
}

// Unwrap gives the error that the rest of the project knows.
func (e *HeldError) Unwrap() error { return &abi.Error{Code: abi.Conflict, Message: e.Error()} }
