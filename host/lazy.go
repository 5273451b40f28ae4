package host

import (
	"context"
	"iter"
	"sync"

	"github.com/postern-dev/postern/abi"
)

// lazy holds a value that is made when first asked for; a failure is tried again.
type lazy[T any] struct {
	mu    sync.Mutex
	value T
	made  bool
}

func (l *lazy[T]) get(open func() (T, error)) (T, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.made {
		return l.value, nil
	}
	value, err := open()
	if err == nil {
		l.value, l.made = value, true
	}
	return value, err
}

// opened returns the value if it is there, and does not wait for one in the making.
func (l *lazy[T]) opened() (value T, ok bool) {
	if !l.mu.TryLock() {
		return value, false
	}
	defer l.mu.Unlock()
	return l.value, l.made
}

// keyed holds a lazy value for each key. The keys come from the operator's file
// and the plugins folder, so there are few.
type keyed[K comparable, T any] struct {
	mu     sync.Mutex
	values map[K]*lazy[T]
}

func (k *keyed[K, T]) at(key K) *lazy[T] {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.values == nil {
		k.values = make(map[K]*lazy[T])
	}
	if k.values[key] == nil {
		k.values[key] = new(lazy[T])
	}
	return k.values[key]
}

func (k *keyed[K, T]) get(key K, open func() (T, error)) (T, error) { return k.at(key).get(open) }

// peek returns the value of a key if it is there.
func (k *keyed[K, T]) peek(key K) (T, bool) { return k.at(key).opened() }

// put replaces the value of a key.
func (k *keyed[K, T]) put(key K, value T) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.values == nil {
		k.values = make(map[K]*lazy[T])
	}
	k.values[key] = &lazy[T]{value: value, made: true}
}

// all yields the values that are there.
func (k *keyed[K, T]) all() iter.Seq[T] {
	return func(yield func(T) bool) {
		k.mu.Lock()
		defer k.mu.Unlock()
		for _, l := range k.values {
			if value, ok := l.opened(); ok && !yield(value) {
				return
			}
		}
	}
}

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
