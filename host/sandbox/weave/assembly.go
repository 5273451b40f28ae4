package weave

import "github.com/postern-dev/postern/host/sandbox/wasm"

// assembly is code being written. Its methods append an instruction each and give
// what they append to back, so that a sequence reads as one.
type assembly struct{ code []byte }

func (a *assembly) op(ops ...wasm.Op) *assembly {
	for _, op := range ops {
		a.code = wasm.AppendOp(a.code, op)
	}
	return a
}

// with appends an instruction with one or two indices.
func (a *assembly) with(op wasm.Op, indices ...uint32) *assembly {
	a.op(op)
	for _, i := range indices {
		a.code = wasm.AppendUint32(a.code, i)
	}
	return a
}

func (a *assembly) i32(v int32) *assembly {
	a.code = wasm.AppendInt32(append(a.code, byte(wasm.OpI32Const)), v)
	return a
}

func (a *assembly) i64(v int64) *assembly {
	a.code = wasm.AppendInt64(append(a.code, byte(wasm.OpI64Const)), v)
	return a
}

// open begins a block, loop or if.
func (a *assembly) open(op wasm.Op, t wasm.BlockType) *assembly {
	a.code = wasm.AppendInt64(append(a.code, byte(op)), int64(t))
	return a
}

func (a *assembly) get(local uint32) *assembly     { return a.with(wasm.OpLocalGet, local) }
func (a *assembly) set(local uint32) *assembly     { return a.with(wasm.OpLocalSet, local) }
func (a *assembly) tee(local uint32) *assembly     { return a.with(wasm.OpLocalTee, local) }
func (a *assembly) load(global uint32) *assembly   { return a.with(wasm.OpGlobalGet, global) }
func (a *assembly) store(global uint32) *assembly  { return a.with(wasm.OpGlobalSet, global) }
func (a *assembly) call(function uint32) *assembly { return a.with(wasm.OpCall, function) }
func (a *assembly) end() *assembly                 { return a.op(wasm.OpEnd) }
