package host

import (
	"iter"
	"sync"
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

// replace puts a value in place of that of a key, and returns the old one, if any. It
// waits for one in the making.
func (k *keyed[K, T]) replace(key K, value T) (old T, ok bool) {
	l := k.at(key)
	l.mu.Lock()
	defer l.mu.Unlock()
	old, ok = l.value, l.made
	l.value, l.made = value, true
	return old, ok
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
