package sandbox

import (
	"encoding/binary"
	"errors"

	"github.com/postern-dev/postern/host/sandbox/wasm"
)

// segments are the active data segments of a module, taken out of it. The host
// copies them into the first instance, which the snapshot is made of; later
// ones have them from there. A Go guest has some forty thousand, and the engine would go
// through all of them for each instance, and at each start.
//
// They are kept as they come: the offset in memory and the length, four bytes each
// and least byte first, then the bytes.
type segments []byte

var errSegments = errors.New("sandbox: data segments that were not made by admission")

// takeSegments empties the active data segments of m. What remains of one is what WebAssembly makes
// of it once it was copied: a segment that is there and has nothing in it.
func takeSegments(m *wasm.Module) (segments, error) {
	var taken segments
	end := uint64(m.Memories[0].Min) * pageSize
	for n := range m.Data {
		d := &m.Data[n]
		if d.Mode != wasm.Active {
			continue
		}
		offset, ok := constant(d.Offset)
		if !ok || uint64(offset)+uint64(len(d.Bytes)) > end {
			return nil, refuse("data segment %d does not lie within the memory that the module starts with", n)
		}
		taken = binary.LittleEndian.AppendUint32(taken, offset)
		taken = binary.LittleEndian.AppendUint32(taken, uint32(len(d.Bytes)))
		taken = append(taken, d.Bytes...)
		*d = wasm.Data{Mode: wasm.Passive}
	}
	if !m.DataCount {
		// No instruction can name a segment.
		m.Data = nil
	}
	if len(m.Data) > maxSegments {
		return nil, refuse("it has %d data segments that instructions can name; at most %d are admitted", len(m.Data), maxSegments)
	}
	m.Changed(wasm.SectionData)
	return taken, nil
}

// constant is the value of a constant expression that is one i32.const.
func constant(e wasm.Expr) (uint32, bool) {
	instructions := wasm.NewInstructions(e)
	var i wasm.Instruction
	if !instructions.Next(&i) || i.Op != wasm.OpI32Const {
		return 0, false
	}
	value := uint32(i.Value)
	return value, instructions.Next(&i) && i.Op == wasm.OpEnd
}

// copyTo copies the segments into a memory, in their order.
func (s segments) copyTo(memory []byte) error {
	for len(s) > 0 {
		if len(s) < 8 {
			return errSegments
		}
		offset, size := uint64(binary.LittleEndian.Uint32(s)), uint64(binary.LittleEndian.Uint32(s[4:]))
		s = s[8:]
		if size > uint64(len(s)) || offset+size > uint64(len(memory)) {
			return errSegments
		}
		copy(memory[offset:], s[:size])
		s = s[size:]
	}
	return nil
}
