package host

import (
	"context"
	"sync"

	"github.com/postern-dev/postern/abi"
)

// lifecycle counts what runs in a host, so that closing it can wait. The zero value
// is open.
type lifecycle struct {
	mu     sync.Mutex
	closed bool
	ends   context.Context
	cancel context.CancelFunc
	group  sync.WaitGroup
}

// enter registers something that runs, until leave is called. It is false once the
// host is closed.
func (l *lifecycle) enter() (leave func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, false
	}
	l.group.Add(1)
	return l.group.Done, true
}

// context returns ctx, ended when the host closes if it has not ended before.
func (l *lifecycle) context(ctx context.Context) (context.Context, context.CancelFunc) {
	l.mu.Lock()
	if l.ends == nil {
		l.ends, l.cancel = context.WithCancel(context.Background())
		if l.closed {
			l.cancel()
		}
	}
	ends := l.ends
	l.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(ends, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// end ends what runs and waits for it. It is false if that has been done already.
func (l *lifecycle) end() bool {
	l.mu.Lock()
	again := l.closed
	l.closed = true
	if l.cancel != nil {
		l.cancel()
	}
	l.mu.Unlock()
	l.group.Wait()
	return !again
}

func errClosed() error {
	return &abi.Error{Code: abi.Internal, Message: "the host is closed; open another with host.Open"}
}
