package weave

import (
	"slices"

	"github.com/postern-dev/postern/host/sandbox/wasm"
)

const (
	// mostGap is the most bytes of zeros between two data segments that become one.
	mostGap = 64
	// copiesPerFunction is how many segments one woven function copies: what an
	// engine takes to compile a function grows faster than its length.
	copiesPerFunction = 64
)

// image is what one or more active data segments write.
type image struct {
	offset wasm.Expr
	bytes  []byte
	// fixed tells that the offset is a constant, start; it is known where the bytes
	// go, and whether something can be joined to them.
	fixed bool
	start uint64
	// joined tells that the bytes are no longer the module's own.
	joined bool
}

func (i *image) end() uint64 { return i.start + uint64(len(i.bytes)) }

// weaveData makes active data segments passive, with a function that copies them,
// so that an instance whose memory comes from elsewhere does not overwrite it. Only
// a module with a memory of its own can be treated so, and without a start function,
// which would run before that function.
func (w *weaver) weaveData() {
	m := w.module
	w.sources = m.Data
	w.passive = len(m.Memories) > 0 && m.ImportCount(wasm.ExternMemory) == 0 && m.Start == nil
	var images []image
	if w.passive {
		images = w.images()
		w.renumber()
	}
	w.dataFunctions(images)
	if len(m.Data) > 0 {
		m.DataCount = true
		m.Changed(wasm.SectionData)
	}
}

// renumber keeps the passive segments only, and notes where they have gone.
func (w *weaver) renumber() {
	w.module.Data = nil
	w.segments = make([]uint32, len(w.sources))
	for i, d := range w.sources {
		w.segments[i] = uint32(len(w.module.Data))
		if d.Mode == wasm.Passive {
			w.module.Data = append(w.module.Data, d)
		}
	}
}

// segment gives the index that a data segment of the module has now.
func (w *weaver) segment(index uint32) uint32 {
	if w.passive {
		return w.segments[index]
	}
	return index
}

// formerlyActive tells that a data segment was made passive. The module takes it for
// dropped, and so empty, as active segments are from the beginning.
func (w *weaver) formerlyActive(index uint32) bool {
	return w.passive && w.sources[index].Mode == wasm.Active
}

// emptySegment gives the index of a passive segment without bytes.
func (w *weaver) emptySegment() uint32 {
	if w.empty == nil {
		index := w.addSegment(nil)
		w.empty = &index
	}
	return *w.empty
}

func (w *weaver) addSegment(bytes []byte) uint32 {
	w.module.Data = append(w.module.Data, wasm.Data{Mode: wasm.Passive, Bytes: bytes})
	return uint32(len(w.module.Data) - 1)
}

// images gives what the active segments write, in order. Linkers leave out zeros, so
// that a Go guest has tens of thousands of segments, and a copy of each is woven:
// so those that follow each other closely are joined. The zeros between them must
// not hide what an earlier segment wrote; so nothing may have been written as far up.
func (w *weaver) images() []image {
	var images []image
	written := uint64(0) // where all that is written so far ends
	for _, d := range w.sources {
		if d.Mode != wasm.Active {
			continue
		}
		next := newImage(d)
		if n := len(images); n == 0 || !images[n-1].join(&next, written) {
			images = append(images, next)
		}
		written = max(written, next.end())
		if !next.fixed {
			written = 1 << 33 // it may be anywhere
		}
	}
	return images
}

func newImage(d wasm.Data) image {
	var ins wasm.Instruction
	instructions := wasm.NewInstructions(d.Offset)
	instructions.Next(&ins)
	fixed := ins.Op == wasm.OpI32Const
	return image{offset: d.Offset, bytes: d.Bytes, fixed: fixed, start: uint64(uint32(ins.Value))}
}

// join adds what follows closely.
func (i *image) join(next *image, written uint64) bool {
	if !i.fixed || !next.fixed || next.start < i.end() || next.start > i.end()+mostGap {
		return false
	}
	gap := next.start - i.end()
	if gap > 0 && i.end() < written {
		return false
	}
	if !i.joined {
		i.bytes = slices.Clip(i.bytes) // append must not write into the module
		i.joined = true
	}
	i.bytes = append(i.bytes, make([]byte, gap)...)
	i.bytes = append(i.bytes, next.bytes...)
	return true
}

// dataFunctions adds the function that copies the images.
func (w *weaver) dataFunctions(images []image) {
	var all function
	for part := range slices.Chunk(images, copiesPerFunction) {
		var f function
		for _, i := range part {
			f.code = append(f.code, i.offset[:len(i.offset)-1]...) // without its end
			f.i32(0).i32(int32(len(i.bytes)))
			f.with(wasm.OpMemoryInit, w.addSegment(i.bytes), 0)
		}
		f.end()
		all.call(w.add(wasm.FuncType{}, f))
	}
	all.end()
	w.dataFunction = w.add(wasm.FuncType{}, all)
}
