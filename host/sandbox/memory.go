package sandbox

import (
	"strconv"

	"github.com/tetratelabs/wazero/experimental"
)

// linearMemory is the memory of one instance. The engine bounds memory for all
// modules alike; this bounds it for one invocation, and remembers that it did.
type linearMemory struct {
	buffer  []byte
	most    uint64
	refused bool
}

// Allocate makes linearMemory the allocator of its own instance.
func (m *linearMemory) Allocate(_, _ uint64) experimental.LinearMemory { return m }

// Reallocate grows the memory to size bytes, or returns nil if it may not.
func (m *linearMemory) Reallocate(size uint64) []byte {
	if size > m.most {
		m.refused = true
		return nil
	}
	if size <= uint64(cap(m.buffer)) {
		m.buffer = m.buffer[:size]
		return m.buffer
	}
	// Doubling keeps a memory that grows page by page from being copied each time.
	grown := make([]byte, size, min(max(size, 2*uint64(cap(m.buffer))), m.most))
	copy(grown, m.buffer)
	m.buffer = grown
	return m.buffer
}

// Free drops the memory.
func (m *linearMemory) Free() { m.buffer = nil }

func sizeText(bytes uint64) string {
	if bytes%(1<<20) == 0 {
		return strconv.FormatUint(bytes>>20, 10) + " MiB"
	}
	return strconv.FormatUint(bytes, 10) + " bytes"
}
