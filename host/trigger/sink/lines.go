package sink

import (
	"context"
	"io"
	"sync"

	"github.com/postern-dev/postern/host/trigger"
)

// Lines is a [trigger.Sink] that writes JSON Lines to a stream, such as standard output. A line is delivered once it is written; after a
// crash nobody can tell which were.
type Lines struct {
	// W gets one line for each record, in one write, and one write at a time.
	W io.Writer

	mu sync.Mutex
}

var _ trigger.Sink = (*Lines)(nil)

// Deliver writes the records.
func (l *Lines) Deliver(ctx context.Context, records []trigger.Delivery) (int, error) {
	for i := range records {
		if err := ctx.Err(); err != nil {
			return i, err
		}
		line, err := message(&records[i])
		if err != nil {
			return i, err
		}
		n, err := l.write(append(line, '\n'))
		if err == nil {
			continue
		}
		if n > 0 {
			return i, &trigger.DoubtError{Reason: "a part of the line was written: " + err.Error()}
		}
		return i, err
	}
	return len(records), nil
}

func (l *Lines) write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.W.Write(line)
}

// Holds cannot tell: what was written to a stream is gone.
func (l *Lines) Holds(context.Context, []trigger.Delivery) ([]bool, error) {
	return nil, trigger.ErrCannotTell
}

// Close leaves the stream open.
func (l *Lines) Close() error { return nil }
