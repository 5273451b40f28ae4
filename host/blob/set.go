package blob

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/postern-dev/postern/abi"
)

// Set holds the blobs of one invocation and their budget. Its methods may be called at the same time.
type Set struct {
	store *Store
	limit int64

	mu    sync.Mutex
	taken int64
	blobs []abi.Blob
	// places are where the blobs are in blobs, by name.
	places map[string]int
	// lent are the sizes of the blobs that others made, by name.
	lent map[string]int64
}

// NewSet starts a set that may write limit bytes in all. Every byte counts, also those of a blob that failed or
// whose content is kept already, so that a guest cannot keep the host writing without end.
func (s *Store) NewSet(limit int64) *Set {
	return &Set{store: s, limit: limit, places: map[string]int{}}
}

// Create stores what r gives until its end, and describes it. contentType is what the sender says the bytes are;
// one that is no printable ASCII text of at most [abi.MaxWord] bytes is dropped. The error is [abi.ExchangeLimit]
// when the set's budget does not suffice, wraps r's own error when r fails, and ctx's when ctx ends; nothing is
// kept then.
func (set *Set) Create(ctx context.Context, r io.Reader, contentType string) (abi.Blob, error) {
	blob, err := set.store.write(ctx, r, set.take)
	if err != nil {
		return abi.Blob{}, err
	}
	blob.ContentType = plain(contentType)
	set.mu.Lock()
	defer set.mu.Unlock()
	if _, ok := set.places[blob.Name]; !ok {
		set.places[blob.Name] = len(set.blobs)
		set.blobs = append(set.blobs, blob)
	}
	return blob, nil
}

// Lend lets the set open a blob that the store holds already. It reads the whole blob once, and an error for damage
// wraps [ErrDamaged]. A name that the store does not hold is [abi.NotFound].
func (set *Set) Lend(name string) error {
	file, size, err := set.store.Open(name)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	set.mu.Lock()
	defer set.mu.Unlock()
	if set.lent == nil {
		set.lent = make(map[string]int64)
	}
	set.lent[name] = size
	return nil
}

// take takes n bytes from the budget.
func (set *Set) take(n int64) error {
	set.mu.Lock()
	defer set.mu.Unlock()
	if n > set.limit-set.taken {
		set.taken = set.limit
		return &abi.Error{Code: abi.ExchangeLimit, Message: fmt.Sprintf("the invocation's blobs are over %d bytes; save fewer or smaller ones in one invocation", set.limit)}
	}
	set.taken += n
	return nil
}

// Open opens a blob of this set, and gives its size in bytes. Any other name is [abi.NotFound], also one that the
// store holds. The content was hashed when this invocation wrote or was lent it, so only the size is compared again; an
// error for a difference wraps [ErrDamaged].
func (set *Set) Open(name string) (io.ReadSeekCloser, int64, error) {
	set.mu.Lock()
	size, known := set.lent[name]
	if i, ok := set.places[name]; ok {
		size, known = set.blobs[i].Size, true
	}
	set.mu.Unlock()
	if !known {
		return nil, 0, notFound(name)
	}
	file, found, err := set.store.file(name)
	if err != nil {
		return nil, 0, err
	}
	if found != size {
		_ = file.Close() // Nothing was written, so there is nothing to lose.
		return nil, 0, fmt.Errorf("blob %s: %w", name, ErrDamaged)
	}
	return file, size, nil
}

// Has reports whether the set has a blob of that name.
func (set *Set) Has(name string) bool {
	set.mu.Lock()
	defer set.mu.Unlock()
	_, ok := set.places[name]
	return ok
}

// List describes the blobs that were written into the set, in the order of their creation.
func (set *Set) List() []abi.Blob {
	set.mu.Lock()
	defer set.mu.Unlock()
	return slices.Clone(set.blobs)
}

// plain returns s if it can stand in a header, a log and a terminal.
func plain(s string) string {
	if len(s) > abi.MaxWord {
		return ""
	}
	for _, r := range s {
		if r >= utf8.RuneSelf || !unicode.IsPrint(r) {
			return ""
		}
	}
	return s
}
