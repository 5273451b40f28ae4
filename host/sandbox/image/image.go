// Package image keeps the memory that every instance of a module starts from, and
// gives each instance a private, writable view of it.
//
// Where the system has mmap, the image is a file without a name and a view maps
// it copy-on-write: an instance costs the pages that it writes, and a reset undoes
// those, whatever the size of the memory. Elsewhere a view is a plain copy. All
// ways behave alike; a test runs the same checks on each.
//
// A view reserves the addresses that it may ever grow to, so that growing never
// moves or copies it.
package image

import "errors"

var (
	// ErrClosed is returned for a view of an image that was closed.
	ErrClosed = errors.New("image: closed")
	// ErrGrown is returned for the reset of a view that grew: what runs in it knows
	// its new size, so nothing less than a new view is pristine.
	ErrGrown = errors.New("image: a view that grew cannot be reset")
)

// View is the memory of one instance. It is not safe for concurrent use.
type View interface {
	// Bytes is the memory as it is now: the image's size, or what Grow made of it.
	// It is good until the next Reset or Close.
	Bytes() []byte
	// Grow makes the view size bytes long; the new ones are zero. It reports false,
	// and changes nothing, when that is more than was reserved, less than there is,
	// or more than the system gives.
	Grow(size uint64) bool
	// Reset makes the view what the image is. After an error the view is not to be
	// used again.
	Reset() error
	// Close gives the memory back to the system.
	Close() error
}

// Image is a memory that views start from. It does not change. It is safe for
// concurrent use.
type Image interface {
	// Size is the length of the image in bytes.
	Size() uint64
	// View returns a new view that may grow to reserve bytes, and at least has the image's size.
	View(reserve uint64) (View, error)
	// Close frees the image once its views are closed. It may be called before that.
	Close() error
}

// New returns an image of memory, which is copied. An empty one is the image of
// a module that was not initialised yet.
func New(memory []byte) (Image, error) { return newImage(memory) }
