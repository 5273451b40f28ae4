package sandbox

import (
	"strconv"

	"github.com/tetratelabs/wazero/experimental"

	"github.com/postern-dev/postern/host/sandbox/image"
)

// linearMemory is the memory of one instance. The engine bounds memory for all
// modules alike; this bounds it for one invocation, and remembers that it did.
type linearMemory struct {
	view    image.View
	most    uint64
	refused bool
}

// Allocate makes linearMemory the allocator of its own instance.
func (m *linearMemory) Allocate(_, _ uint64) experimental.LinearMemory { return m }

// Reallocate grows the memory to size bytes, or returns nil if it may not. The
// first call, for a new instance, gets all of the image.
func (m *linearMemory) Reallocate(size uint64) []byte {
	if memory := m.view.Bytes(); size <= uint64(len(memory)) {
		return memory
	}
	if size > m.most || !m.view.Grow(size) {
		m.refused = true
		return nil
	}
	return m.view.Bytes()
}

// Free gives the memory back. Nothing can be done about an error: the addresses
// stay reserved, and nobody uses them again.
func (m *linearMemory) Free() { _ = m.view.Close() }

func sizeText(bytes uint64) string {
	if bytes%(1<<20) == 0 {
		return strconv.FormatUint(bytes>>20, 10) + " MiB"
	}
	return strconv.FormatUint(bytes, 10) + " bytes"
}
