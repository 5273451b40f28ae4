package graph

import "slices"

// Caller is on whose behalf a request is made. Where requests wait, plugins take
// turns, and the invocations of one plugin do among themselves.
type Caller struct {
	Plugin, Invocation string
}

func (c Caller) path() [2]string { return [2]string{c.Plugin, c.Invocation} }

// turns is a queue in which the keys of each level of a path take turns: first in,
// first out for one key only.
type turns struct {
	// keys are those that wait, the one whose turn is next first.
	keys []string
	// next are the queues of the keys; nil at the last level.
	next map[string]*turns
	// line is the last level.
	line []*waiter
	size int
}

// waiter waits for n places. Closing ready lets it go.
type waiter struct {
	path  [2]string
	n     int
	ready chan struct{}
}

func (t *turns) push(path []string, w *waiter) {
	t.size++
	if len(path) == 0 {
		t.line = append(t.line, w)
		return
	}
	if t.next == nil {
		t.next = map[string]*turns{}
	}
	queue := t.next[path[0]]
	if queue == nil {
		queue = &turns{}
		t.next[path[0]] = queue
		t.keys = append(t.keys, path[0])
	}
	queue.push(path[1:], w)
}

// peek returns the one whose turn it is. There must be one.
func (t *turns) peek() *waiter {
	if len(t.line) > 0 {
		return t.line[0]
	}
	return t.next[t.keys[0]].peek()
}

// pop takes the one whose turn it is. There must be one.
func (t *turns) pop() *waiter {
	t.size--
	if len(t.line) > 0 {
		w := t.line[0]
		t.line = t.line[1:]
		return w
	}
	key := t.keys[0]
	t.keys = t.keys[1:]
	queue := t.next[key]
	w := queue.pop()
	if queue.size > 0 {
		t.keys = append(t.keys, key)
	} else {
		delete(t.next, key)
	}
	return w
}

// remove takes one out of its turn. It reports whether it was there.
func (t *turns) remove(path []string, w *waiter) bool {
	if len(path) == 0 {
		i := slices.Index(t.line, w)
		if i < 0 {
			return false
		}
		t.line = slices.Delete(t.line, i, i+1)
		t.size--
		return true
	}
	queue := t.next[path[0]]
	if queue == nil || !queue.remove(path[1:], w) {
		return false
	}
	if t.size--; queue.size == 0 {
		delete(t.next, path[0])
		i := slices.Index(t.keys, path[0])
		t.keys = slices.Delete(t.keys, i, i+1)
	}
	return true
}

// ahead is how many will go before one that is pushed now, at least: as many of each other
// key as of its own.
func (t *turns) ahead(path []string) int {
	if len(path) == 0 {
		return len(t.line)
	}
	own := 0
	if queue := t.next[path[0]]; queue != nil {
		own = queue.ahead(path[1:])
	}
	n := own
	for key, queue := range t.next {
		if key != path[0] {
			n += min(queue.size, own)
		}
	}
	return n
}
