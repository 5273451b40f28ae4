package weave

import "github.com/postern-dev/postern/host/sandbox/wasm"

// helper is a woven function that stands for an instruction which is charged by what
// it is given.
type helper struct {
	op            wasm.Op
	index, index2 uint32
	// long tells that it moves more than a chunk of bytes.
	long bool
}

// helper gives the index of a woven function, which is made at its first use.
func (w *weaver) helper(h helper) uint32 {
	index, ok := w.helpers[h]
	if !ok {
		index = w.add(w.makeHelper(h))
		w.helpers[h] = index
	}
	return index
}

func (w *weaver) makeHelper(h helper) (wasm.FuncType, function) {
	i32s := func(n int) []wasm.ValueType {
		return []wasm.ValueType{wasm.I32, wasm.I32, wasm.I32}[:n]
	}
	switch h.op {
	case wasm.OpMemoryGrow:
		return wasm.FuncType{Params: i32s(1), Results: i32s(1)}, w.memoryGrow()
	case wasm.OpTableGrow:
		return wasm.FuncType{Params: []wasm.ValueType{w.tables[h.index].Type, wasm.I32}, Results: i32s(1)}, w.tableGrow(h.index)
	case wasm.OpTableFill:
		return wasm.FuncType{Params: []wasm.ValueType{wasm.I32, w.tables[h.index].Type, wasm.I32}}, w.tableMove(h, h.index)
	case wasm.OpTableCopy:
		return wasm.FuncType{Params: i32s(3)}, w.tableMove(h, h.index)
	case wasm.OpTableInit:
		return wasm.FuncType{Params: i32s(3)}, w.tableMove(h, h.index2)
	}
	if h.long {
		return wasm.FuncType{Params: i32s(3)}, w.longMove(h)
	}
	return wasm.FuncType{Params: i32s(3)}, w.memoryMove(h)
}

// function is the code of a woven function.
type function struct {
	assembly
	locals []wasm.Local
}

// The parameters of woven functions, and the locals behind them.
const (
	first uint32 = iota
	second
	third
	fourth
)

// check asks for more fuel if none is left.
func (w *weaver) check(a *assembly) {
	a.load(w.fuel).i64(0).op(wasm.OpI64LtS).open(wasm.OpIf, wasm.EmptyBlock)
	a.load(w.fuel).call(w.refuel).store(w.fuel).end()
}

// charge takes from the fuel what push pushes, and asks for more if none is left.
func (w *weaver) charge(a *assembly, push func()) {
	a.load(w.fuel)
	push()
	a.op(wasm.OpI64Sub).store(w.fuel)
	w.check(a)
}

// makeRefuel makes the function that asks for more fuel: it takes what is left, and
// gives what there is then. It is there because a call of an import is long code.
func (w *weaver) makeRefuel() function {
	var f function
	f.get(first).call(w.imported).end()
	return f
}

// makeOverflow makes the function that ends the guest for want of stack.
func (w *weaver) makeOverflow() function {
	var f function
	f.i64(StackOverflow).call(w.imported).op(wasm.OpDrop, wasm.OpUnreachable).end()
	return f
}

// memoryGrow charges the pages by which the memory is about to grow; no more are
// charged than it may have.
func (w *weaver) memoryGrow() function {
	var f function
	most := min(w.memory.Max, w.options.MemoryPages)
	if !w.memory.HasMax {
		most = w.options.MemoryPages
	}
	f.get(first).op(wasm.OpI64ExtendI32U).with(wasm.OpMemorySize, 0).op(wasm.OpI64ExtendI32U, wasm.OpI64Add)
	f.i64(int64(most)).op(wasm.OpI64LeU).open(wasm.OpIf, wasm.EmptyBlock)
	w.charge(&f.assembly, func() {
		f.get(first).op(wasm.OpI64ExtendI32U).i64(CostPage).op(wasm.OpI64Mul)
	})
	f.end().get(first).with(wasm.OpMemoryGrow, 0).end()
	return f
}

// tableGrow charges what the table is about to grow by, as memoryGrow does.
func (w *weaver) tableGrow(table uint32) function {
	var f function
	limits := w.tables[table].Limits
	most := min(limits.Max, w.options.TableElements)
	if !limits.HasMax {
		most = w.options.TableElements
	}
	f.get(second).op(wasm.OpI64ExtendI32U).with(wasm.OpTableSize, table).op(wasm.OpI64ExtendI32U, wasm.OpI64Add)
	f.i64(int64(most)).op(wasm.OpI64LeU).open(wasm.OpIf, wasm.EmptyBlock)
	w.charge(&f.assembly, func() {
		f.get(second).op(wasm.OpI64ExtendI32U).i64(elementsPerUnitBits).op(wasm.OpI64ShrU)
	})
	f.end().i32(1).store(w.touched)
	f.get(first).get(second).with(wasm.OpTableGrow, table).end()
	return f
}

// tableMove charges table.fill, table.copy and table.init by their length. What is
// longer than the table traps, and moves nothing. Tables are small enough for one go.
func (w *weaver) tableMove(h helper, destination uint32) function {
	var f function
	f.i32(1).store(w.touched)
	f.get(third).with(wasm.OpTableSize, destination).op(wasm.OpI32LeU).open(wasm.OpIf, wasm.EmptyBlock)
	w.charge(&f.assembly, func() {
		f.get(third).op(wasm.OpI64ExtendI32U).i64(elementsPerUnitBits).op(wasm.OpI64ShrU)
	})
	f.end().get(first).get(second).get(third)
	if h.op == wasm.OpTableFill {
		f.with(h.op, h.index)
	} else {
		f.with(h.op, h.index, h.index2)
	}
	f.end()
	return f
}
