package wasm

// Growth tells by how much an instruction other than a block, a branch or a call
// makes the operand stack higher. Of vector instructions it may say too much: most of
// them are taken for ones with a single operand.
func (o Op) Growth() int {
	switch o {
	case OpLocalGet, OpGlobalGet, OpI32Const, OpI64Const, OpF32Const, OpF64Const,
		OpV128Const, OpMemorySize, OpTableSize, OpRefNull, OpRefFunc:
		return 1
	case OpDrop, OpLocalSet, OpGlobalSet, OpTableGrow:
		return -1
	case OpSelect, OpSelectTyped, OpTableSet, OpV128Store,
		OpV128Store8Lane, OpV128Store16Lane, OpV128Store32Lane, OpV128Store64Lane:
		return -2
	case OpMemoryFill, OpMemoryCopy, OpMemoryInit, OpTableFill, OpTableCopy, OpTableInit:
		return -3
	}
	within := func(from, to Op) bool { return o >= from && o <= to }
	switch {
	case within(OpI32Store, OpI64Store32):
		return -2
	case within(OpI32Eq, OpI32GeU), within(OpI64Eq, OpF64Ge),
		within(OpI32Add, OpI32Rotr), within(OpI64Add, OpI64Rotr),
		within(OpF32Add, OpF32Copysign), within(OpF64Add, OpF64Copysign),
		within(OpI8x16Eq, OpF64x2Ge), within(OpV128And, OpV128Xor):
		return -1
	}
	return 0
}
