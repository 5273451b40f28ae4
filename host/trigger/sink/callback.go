package sink

import (
	"context"

	"github.com/postern-dev/postern/host/trigger"
)

// Callback is a [trigger.Sink] that is a function of the embedder's.
type Callback struct {
	// Take takes one record. If it returns nil the record is taken for good. An error is tried again later, unless it is one of those that
	// [trigger.Sink] tells apart. It is called for one record of a trigger at a time.
	Take func(ctx context.Context, record trigger.Delivery) error
	// Has tells whether a record was taken, of which that is not known because the process has ended within Take. Nil cannot tell.
	Has func(ctx context.Context, record trigger.Delivery) (bool, error)
}

var _ trigger.Sink = (*Callback)(nil)

// Deliver calls the function for each record.
func (c *Callback) Deliver(ctx context.Context, records []trigger.Delivery) (int, error) {
	for i, r := range records {
		if err := ctx.Err(); err != nil {
			return i, err
		}
		if err := c.Take(ctx, r); err != nil {
			return i, err
		}
	}
	return len(records), nil
}

// Holds asks the embedder.
func (c *Callback) Holds(ctx context.Context, records []trigger.Delivery) ([]bool, error) {
	if c.Has == nil {
		return nil, trigger.ErrCannotTell
	}
	holds := make([]bool, len(records))
	for i, r := range records {
		has, err := c.Has(ctx, r)
		if err != nil {
			return nil, err
		}
		holds[i] = has
	}
	return holds, nil
}

// Close does nothing.
func (c *Callback) Close() error { return nil }
