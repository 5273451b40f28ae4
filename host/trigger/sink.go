package trigger

import (
	"context"
	"errors"
	"time"
)

// Sink is where records go. One caller at a time delivers the records of a trigger; those of several triggers come at the same time.
type Sink interface {
	// Deliver hands over records in their order, at most [MaxBatch], and returns how many, from the first, are acknowledged: kept by
	// the sink for good. If that is not all of them, but some, and there is no error, the others were not handed over and come again at once.
	// Else the error says what became of the next one, and those after it were not handed over:
	//
	//   - a [*PermanentError]: the sink certainly has not got it, and never takes it. It is parked.
	//   - a [*DoubtError]: the sink may have got it. It stays in doubt until [Sink.Holds] has told.
	//   - any other: the sink certainly has not got it, and it is tried again, not before a [*LaterError] says.
	//
	// ctx.Err is to be looked at right before a record leaves. It says at once that the lease is over, as it may be for a process that was
	// stopped for a while: another host may be delivering the same record by then.
	Deliver(ctx context.Context, records []Delivery) (acknowledged int, err error)
	// Holds tells of each record that is in doubt whether the sink has it. The error is [ErrCannotTell] if it has no way to know, and any
	// other if it could not be asked now.
	Holds(ctx context.Context, records []Delivery) ([]bool, error)
	// Close releases what the sink has open.
	Close() error
}

// ErrCannotTell says that a sink has no way to know which records it has.
var ErrCannotTell = errors.New("the sink cannot tell whether it has the record; look there, and replay or drop it")

// PermanentError says that a sink refuses a record for good.
type PermanentError struct {
	// Reason is why, in words of ours.
	Reason string
}

func (e *PermanentError) Error() string { return e.Reason }

// DoubtError says that a delivery may or may not have reached the sink.
type DoubtError struct{ Reason string }

func (e *DoubtError) Error() string { return e.Reason }

// LaterError says that a sink is not to be tried before a time.
type LaterError struct {
	Reason string
	// After is how long it asked to be left alone.
	After time.Duration
}

func (e *LaterError) Error() string { return e.Reason }
