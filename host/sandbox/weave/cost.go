package weave

import "github.com/postern-dev/postern/host/sandbox/wasm"

// What is charged, in units of fuel. A unit is about what a plain instruction takes:
// a third of a nanosecond to one nanosecond. The numbers are part of what a plugin's
// limits mean: raise one, and plugins run out of fuel that did not before.
const (
	// CostPlain is the cost of every instruction that has no other.
	CostPlain = 1
	// CostMemory is the cost of a load or store, and of a table's get or set.
	CostMemory = 2
	// CostVector is the cost of a vector instruction.
	CostVector = 2
	// CostDivision is the cost of a division, remainder or square root.
	CostDivision = 8
	// CostCall is the cost of a call of a function of the module, and the fixed part
	// of the cost of bulk instructions, table.grow and memory.grow.
	CostCall = 4
	// CostCallIndirect is the cost of a call through a table.
	CostCallIndirect = 8
	// CostHostCall is the cost of a call of an imported function, on top of what the
	// host itself may take for it.
	CostHostCall = 64
	// CostPage is charged for each page by which memory.grow enlarges the memory.
	CostPage = 4096

	// BytesPerUnit is how many bytes memory.fill, memory.copy and memory.init move
	// for one unit; what is left of a division is free.
	BytesPerUnit = 1 << bytesPerUnitBits
	// ElementsPerUnit is how many elements table.fill, table.copy, table.init and
	// table.grow move for one unit; what is left of a division is free.
	ElementsPerUnit = 1 << elementsPerUnitBits

	bytesPerUnitBits    = 4
	elementsPerUnitBits = 2
)

// Cost gives the fixed cost of an instruction. A call costs [CostHostCall] instead
// if it is of an imported function. What only gives the code its shape is free.
func Cost(op wasm.Op) uint64 {
	switch op {
	case wasm.OpUnreachable, wasm.OpNop, wasm.OpBlock, wasm.OpLoop, wasm.OpElse, wasm.OpEnd:
		return 0
	case wasm.OpCall, wasm.OpMemoryGrow,
		wasm.OpMemoryFill, wasm.OpMemoryCopy, wasm.OpMemoryInit,
		wasm.OpTableFill, wasm.OpTableCopy, wasm.OpTableInit, wasm.OpTableGrow:
		return CostCall
	case wasm.OpCallIndirect:
		return CostCallIndirect
	case wasm.OpTableGet, wasm.OpTableSet:
		return CostMemory
	case wasm.OpI32DivS, wasm.OpI32DivU, wasm.OpI32RemS, wasm.OpI32RemU,
		wasm.OpI64DivS, wasm.OpI64DivU, wasm.OpI64RemS, wasm.OpI64RemU,
		wasm.OpF32Div, wasm.OpF64Div, wasm.OpF32Sqrt, wasm.OpF64Sqrt,
		wasm.OpF32x4Div, wasm.OpF64x2Div, wasm.OpF32x4Sqrt, wasm.OpF64x2Sqrt:
		return CostDivision
	}
	switch {
	case op >= wasm.OpI32Load && op <= wasm.OpI64Store32:
		return CostMemory
	case op >= wasm.OpV128Load:
		return CostVector
	}
	return CostPlain
}
