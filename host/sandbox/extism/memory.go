package extism

import (
	"encoding/binary"

	"github.com/tetratelabs/wazero/experimental"
)

// Memory is the linear memory of a guest, as a lent [Function] sees it. wazero's
// api.Memory is one, too.
type Memory interface {
	// Read returns a view of count bytes at offset, or false if they are not all
	// inside. Writing to the view writes to the guest.
	Read(offset, count uint32) ([]byte, bool)
	// WriteUint32Le writes value at offset, or returns false if that is outside.
	WriteUint32Le(offset, value uint32) bool
	// WriteUint64Le writes value at offset, or returns false if that is outside.
	WriteUint64Le(offset uint32, value uint64) bool
}

// memories allocates the linear memories of one invocation, the guest's and the
// kernel's, out of one allowance.
type memories struct {
	most, used uint64
	// refused is set once a memory asked for more than there was.
	refused bool
	all     []*linearMemory
}

// Allocate makes a memory that grows out of the common allowance.
func (m *memories) Allocate(_, _ uint64) experimental.LinearMemory {
	l := &linearMemory{of: m}
	m.all = append(m.all, l)
	return l
}

// guest returns the memory that is not the kernel's. kernel is the first bytes of
// that one: the SDK does not say which is which.
func (m *memories) guest(kernel []byte) *linearMemory {
	for _, l := range m.all {
		if len(l.buffer) > 0 && &l.buffer[0] != &kernel[0] {
			return l
		}
	}
	return &linearMemory{of: m}
}

// linearMemory is one memory.
type linearMemory struct {
	of     *memories
	buffer []byte
	given  bool
}

// Reallocate grows the memory to size bytes, or returns nil if it may not. What a
// memory starts with it gets in any case, for the engine cannot do without: the
// instance is dropped before its guest runs.
func (l *linearMemory) Reallocate(size uint64) []byte {
	used := l.of.used - uint64(len(l.buffer)) + size
	if used > l.of.most {
		l.of.refused = true
		if l.given {
			return nil
		}
	}
	l.given = true
	l.of.used = used
	if size > uint64(cap(l.buffer)) {
		// Doubling keeps a memory that grows page by page from being copied each time.
		grown := make([]byte, size, max(size, min(2*uint64(cap(l.buffer)), l.of.most)))
		copy(grown, l.buffer)
		l.buffer = grown
	}
	l.buffer = l.buffer[:size]
	return l.buffer
}

// Free drops the memory.
func (l *linearMemory) Free() { l.buffer = nil }

// Read returns a view of the memory.
func (l *linearMemory) Read(offset, count uint32) ([]byte, bool) {
	end := uint64(offset) + uint64(count)
	if end > uint64(len(l.buffer)) {
		return nil, false
	}
	return l.buffer[offset:end:end], true
}

// WriteUint32Le writes four bytes.
func (l *linearMemory) WriteUint32Le(offset, value uint32) bool {
	b, ok := l.Read(offset, 4)
	if ok {
		binary.LittleEndian.PutUint32(b, value)
	}
	return ok
}

// WriteUint64Le writes eight bytes.
func (l *linearMemory) WriteUint64Le(offset uint32, value uint64) bool {
	b, ok := l.Read(offset, 8)
	if ok {
		binary.LittleEndian.PutUint64(b, value)
	}
	return ok
}
