package graphtest

// kept holds a bounded number of things by key; the oldest make room for new ones.
type kept[T any] struct {
	limit int
	order []string
	items map[string]T
}

func newKept[T any](limit int) kept[T] { return kept[T]{limit: limit, items: map[string]T{}} }

// put adds a thing under a key that is new.
func (k *kept[T]) put(key string, item T) {
	if len(k.order) >= k.limit {
		delete(k.items, k.order[0])
		k.order = k.order[1:]
	}
	k.order = append(k.order, key)
	k.items[key] = item
}

func (k *kept[T]) get(key string) (T, bool) {
	item, ok := k.items[key]
	return item, ok
}
