package weave

import "github.com/postern-dev/postern/host/sandbox/wasm"

// Chunk is the most bytes that memory.fill, memory.copy and memory.init move without
// asking whether there is fuel left.
const Chunk = 64 << 10

// constant is the last i32.const: where it ends, and what it gives.
type constant struct {
	end   int
	value uint32
}

// isLength tells whether it is the length of a move that is the next instruction, and
// not too long: such a move is charged with the code around it, and left as it is.
func (c constant) isLength(move *wasm.Instruction) bool {
	return c.end == move.Start && c.value <= Chunk
}

// memoryMove makes what stands for memory.fill, memory.copy and memory.init: it takes
// a destination, a value or a source, and a length. Up to a chunk is charged and done
// here; what is longer is left to another function, to keep this one small.
func (w *weaver) memoryMove(h helper) function {
	var f function
	long := h
	long.long = true
	f.get(third).i32(Chunk).op(wasm.OpI32GtU).open(wasm.OpIf, wasm.EmptyBlock)
	f.get(first).get(second).get(third).call(w.helper(long)).op(wasm.OpReturn).end()
	w.rest(&f, h)
	f.end()
	return f
}

// longMove makes what moves more than a chunk: chunk by chunk, each charged before.
// All bounds are checked before the first, so that what traps has not written. To
// trap is left to the instruction itself.
func (w *weaver) longMove(h helper) function {
	var f function
	w.outside(&f, h)
	f.open(wasm.OpIf, wasm.EmptyBlock)
	f.get(first).get(second).get(third)
	w.move(&f, h)
	f.op(wasm.OpUnreachable).end()
	if h.op == wasm.OpMemoryCopy {
		w.backwards(&f, h)
	}
	f.open(wasm.OpLoop, wasm.EmptyBlock)
	w.chargeChunk(&f)
	f.get(first).get(second).i32(Chunk)
	w.move(&f, h)
	f.get(first).i32(Chunk).op(wasm.OpI32Add).set(first)
	if h.op != wasm.OpMemoryFill {
		f.get(second).i32(Chunk).op(wasm.OpI32Add).set(second)
	}
	f.get(third).i32(Chunk).op(wasm.OpI32Sub).tee(third)
	f.i32(Chunk).op(wasm.OpI32GtU).with(wasm.OpBrIf, 0).end()
	w.rest(&f, h)
	f.end()
	return f
}

// backwards makes the part that copies the end first, to a higher address: where the
// destination begins within the source, the beginning must go last.
func (w *weaver) backwards(f *function, h helper) {
	f.get(first).get(second).op(wasm.OpI32GtU).open(wasm.OpIf, wasm.EmptyBlock)
	f.open(wasm.OpLoop, wasm.EmptyBlock)
	w.chargeChunk(f)
	f.get(third).i32(Chunk).op(wasm.OpI32Sub).set(third)
	f.get(first).get(third).op(wasm.OpI32Add)
	f.get(second).get(third).op(wasm.OpI32Add).i32(Chunk)
	w.move(f, h)
	f.get(third).i32(Chunk).op(wasm.OpI32GtU).with(wasm.OpBrIf, 0).end()
	w.rest(f, h)
	f.op(wasm.OpReturn).end()
}

// move appends the instruction itself.
func (w *weaver) move(f *function, h helper) {
	f.op(h.op)
	switch h.op {
	case wasm.OpMemoryFill:
		f.code = append(f.code, 0)
	case wasm.OpMemoryCopy:
		f.code = append(f.code, 0, 0)
	case wasm.OpMemoryInit:
		f.code = append(wasm.AppendUint32(f.code, w.segment(h.index)), 0)
	}
}

// outside pushes whether the instruction would reach out of bounds.
func (w *weaver) outside(f *function, h helper) {
	reach := func(local uint32) {
		f.get(local).op(wasm.OpI64ExtendI32U).get(third).op(wasm.OpI64ExtendI32U, wasm.OpI64Add)
	}
	size := func() {
		f.with(wasm.OpMemorySize, 0).op(wasm.OpI64ExtendI32U).i64(16).op(wasm.OpI64Shl)
	}
	reach(first)
	size()
	f.op(wasm.OpI64GtU)
	switch h.op {
	case wasm.OpMemoryCopy:
		reach(second)
		size()
		f.op(wasm.OpI64GtU, wasm.OpI32Or)
	case wasm.OpMemoryInit:
		// A segment that was dropped is empty; then the first chunk traps.
		reach(second)
		f.i64(int64(len(w.sources[h.index].Bytes))).op(wasm.OpI64GtU, wasm.OpI32Or)
	}
}

// chargeChunk charges a whole chunk.
func (w *weaver) chargeChunk(f *function) {
	w.charge(&f.assembly, func() { f.i64(Chunk / BytesPerUnit) })
}

// rest charges the length that is left, and moves it.
func (w *weaver) rest(f *function, h helper) {
	w.charge(&f.assembly, func() {
		f.get(third).i32(bytesPerUnitBits).op(wasm.OpI32ShrU, wasm.OpI64ExtendI32U)
	})
	f.get(first).get(second).get(third)
	w.move(f, h)
}
