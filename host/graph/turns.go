package graph

import (
	"cmp"
	"maps"
	"slices"
)

// Caller is on whose behalf a request is made. Where requests wait, plugins take
// turns, and the invocations of one plugin do among themselves.
type Caller struct {
	Plugin, Invocation string
}

func (c Caller) path() [2]string { return [2]string{c.Plugin, c.Invocation} }

// turns is a queue in which the keys of each level of a path share what they wait for: first in,
// first out for one key only. A turn costs as many places as it takes, so that who asks
// for twenty at once comes to twenty places when the others have had twenty each.
//
// It is start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996): time is counted in places, and the next turn
// is of the key whose last ones have cost it least.
type turns struct {
	// keys are those that wait, the one whose turn is next first.
	keys []string
	// next are the queues of the keys; nil at the last level.
	next map[string]*turns
	// due is when the next turn of a key begins. It is kept of keys that wait no more until the clock
	// has come to it, or leaving the queue for a moment would settle what a turn cost.
	due map[string]int64
	// clock is when the latest turn began.
	clock int64
	// line is the last level.
	line []*waiter
	// size is how many wait, and places for how many places.
	size   int
	places int64
}

// waiter waits for n places. Closing ready lets it go.
type waiter struct {
	path  [2]string
	n     int
	ready chan struct{}
}

func (t *turns) push(path []string, w *waiter) {
	t.size++
	t.places += int64(w.n)
	if len(path) == 0 {
		t.line = append(t.line, w)
		return
	}
	if t.next == nil {
		t.next, t.due = map[string]*turns{}, map[string]int64{}
	}
	key := path[0]
	queue := t.next[key]
	if queue == nil {
		queue = &turns{}
		t.next[key] = queue
		t.insert(key, t.dueOf(key))
	}
	queue.push(path[1:], w)
}

// dueOf is when the next turn of a key begins, or would.
func (t *turns) dueOf(key string) int64 { return max(t.clock, t.due[key]) }

// insert puts a key behind all whose turn begins no later.
func (t *turns) insert(key string, due int64) {
	t.due[key] = due
	i, _ := slices.BinarySearchFunc(t.keys, due+1, func(other string, due int64) int { return cmp.Compare(t.due[other], due) })
	t.keys = slices.Insert(t.keys, i, key)
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
		t.places -= int64(w.n)
		return w
	}
	key := t.keys[0]
	t.keys = t.keys[1:]
	queue := t.next[key]
	w := queue.pop()
	t.places -= int64(w.n)
	t.clock = t.due[key]
	if queue.size > 0 {
		t.insert(key, t.clock+int64(w.n))
	} else {
		delete(t.next, key)
		t.due[key] = t.clock + int64(w.n)
	}
	t.forget()
	return w
}

// forget drops when turns begin that nobody waits for and that the clock has passed, now and then.
func (t *turns) forget() {
	const few = 32
	if len(t.due) > 2*len(t.keys)+few {
		maps.DeleteFunc(t.due, func(key string, due int64) bool { return t.next[key] == nil && due <= t.clock })
	}
}

// remove takes one out of its turn. It reports whether it was there.
func (t *turns) remove(path []string, w *waiter) bool {
	if len(path) == 0 {
		i := slices.Index(t.line, w)
		if i < 0 {
			return false
		}
		t.line = slices.Delete(t.line, i, i+1)
	} else {
		queue := t.next[path[0]]
		if queue == nil || !queue.remove(path[1:], w) {
			return false
		}
		if queue.size == 0 {
			delete(t.next, path[0])
			i := slices.Index(t.keys, path[0])
			t.keys = slices.Delete(t.keys, i, i+1)
		}
	}
	t.size--
	t.places -= int64(w.n)
	return true
}

// ahead is for how many places others will go before one that is pushed now, at least: those of its own key, and of each other what
// is due before that.
func (t *turns) ahead(path []string) int64 {
	if len(path) == 0 {
		return t.places
	}
	own := int64(0)
	if queue := t.next[path[0]]; queue != nil {
		own = queue.ahead(path[1:])
	}
	n, begins := own, t.dueOf(path[0])+own
	for key, queue := range t.next {
		if key != path[0] {
			n += min(queue.places, max(0, begins-t.due[key]))
		}
	}
	return n
}
