package weave_test

import (
	"math"

	"github.com/postern-dev/postern/host/sandbox/wasm"
)

const (
	// generatedBudget bounds how many loop heads and function entries a generated
	// program comes by; it then returns from wherever it is.
	generatedBudget = 300
	// generatedDepth bounds how deeply its expressions and blocks are nested.
	generatedDepth = 6
)

// The globals of a generated program.
const (
	globalBudget uint32 = iota
	globalI32
	globalI64
	globalF64
	globalRef
	globalCost // only of those that count their own cost
)

// generator makes valid programs that end, from bytes that choose at every turn.
type generator struct {
	choices []byte
	module  *wasm.Module
	code    []byte
	// locals are those of the function that is made, results its own.
	locals, results []wasm.ValueType
	// labels are the types that a branch to each label must give, innermost last.
	labels [][]wasm.ValueType
	depth  int
}

// generate makes a module. It imports host.next, has a memory, a table with all of
// its functions, passive and active segments, and exports everything.
func generate(choices []byte) []byte {
	g := &generator{choices: choices, module: &wasm.Module{DataCount: true}}
	m := g.module
	m.Types = []wasm.FuncType{
		{Params: valueTypes("i32"), Results: valueTypes("i32")},
		{Params: valueTypes("i32 i64"), Results: valueTypes("i64")},
		{Params: valueTypes("i32"), Results: valueTypes("i32 i64")},
		{Params: valueTypes("f64 i32")},
		{Params: valueTypes("i32 i64"), Results: valueTypes("i64 i32")},
	}
	m.Imports = []wasm.Import{{Module: "host", Name: "next", Kind: wasm.ExternFunction}}
	m.Tables = []wasm.TableType{{Type: wasm.FuncRef, Limits: wasm.Limits{Min: 12, Max: 20, HasMax: true}}}
	m.Memories = []wasm.Limits{{Min: 1, Max: 4, HasMax: true}}
	for i, init := range []struct {
		t    string
		init []byte
	}{
		{"i32", wasm.AppendInt32([]byte{byte(wasm.OpI32Const)}, generatedBudget)},
		{"i32", []byte{byte(wasm.OpI32Const), 1}},
		{"i64", []byte{byte(wasm.OpI64Const), 2}},
		{"f64", append([]byte{byte(wasm.OpF64Const)}, make([]byte, 8)...)},
		{"funcref", []byte{byte(wasm.OpRefFunc), 1}},
	} {
		m.Globals = append(m.Globals, wasm.Global{
			Type: wasm.GlobalType{Type: valueTypes(init.t)[0], Mutable: true}, Init: append(init.init, byte(wasm.OpEnd)),
		})
		if uint32(i) != globalRef {
			m.Exports = append(m.Exports, wasm.Export{Name: "g" + string(rune('0'+i)), Kind: wasm.ExternGlobal, Index: uint32(i)})
		}
	}
	n := 2 + g.choose(4)
	var all []uint32
	for i := range n {
		m.Functions = append(m.Functions, uint32(g.choose(len(m.Types))))
		all = append(all, uint32(i+1))
		m.Exports = append(m.Exports, wasm.Export{Name: "f" + string(rune('0'+i)), Kind: wasm.ExternFunction, Index: uint32(i + 1)})
	}
	m.Exports = append(m.Exports, wasm.Export{Name: "memory", Kind: wasm.ExternMemory})
	m.Elements = []wasm.Element{
		{Mode: wasm.Active, Offset: assembleConst(1), Type: wasm.FuncRef, Functions: all},
		{Mode: wasm.Passive, Type: wasm.FuncRef, Functions: all},
	}
	m.Data = []wasm.Data{
		{Offset: assembleConst(8), Bytes: []byte("active")},
		{Mode: wasm.Passive, Bytes: []byte("passive, and a little longer")},
		{Offset: assembleConst(20), Bytes: []byte("active too")},
	}
	for _, t := range m.Functions {
		m.Code = append(m.Code, g.function(m.Types[t]))
	}
	return m.Bytes()
}

// choose gives a number below n.
func (g *generator) choose(n int) int {
	if len(g.choices) == 0 {
		return 0
	}
	c := g.choices[0]
	g.choices = g.choices[1:]
	return int(c) % n
}

func (g *generator) emit(ins wasm.Instruction) { g.code = wasm.AppendInstruction(g.code, &ins) }

func (g *generator) op(op wasm.Op, index ...uint32) {
	ins := wasm.Instruction{Op: op}
	if len(index) > 0 {
		ins.Index = index[0]
	}
	if len(index) > 1 {
		ins.Index2 = index[1]
	}
	g.emit(ins)
}

func (g *generator) i32(v int32) {
	g.emit(wasm.Instruction{Op: wasm.OpI32Const, Value: uint64(int64(v))})
}

func (g *generator) function(t wasm.FuncType) wasm.Code {
	locals := []wasm.Local{{Count: 2, Type: wasm.I32}, {Count: 1, Type: wasm.I64}, {Count: 1, Type: wasm.F64}, {Count: 1, Type: wasm.I32}}
	g.code, g.depth = nil, 0
	g.locals = append(append([]wasm.ValueType{}, t.Params...), wasm.I32, wasm.I32, wasm.I64, wasm.F64, wasm.I32)
	g.results = t.Results
	g.labels = [][]wasm.ValueType{t.Results}
	g.spend()
	if !g.statements() {
		g.values(t.Results)
	}
	g.op(wasm.OpEnd)
	return wasm.Code{Locals: locals, Body: g.code}
}

// spend takes one from the budget, and returns if nothing is left.
func (g *generator) spend() {
	g.op(wasm.OpGlobalGet, globalBudget)
	g.i32(1)
	g.op(wasm.OpI32Sub)
	g.op(wasm.OpGlobalSet, globalBudget)
	g.op(wasm.OpGlobalGet, globalBudget)
	g.i32(0)
	g.op(wasm.OpI32LtS)
	g.emit(wasm.Instruction{Op: wasm.OpIf, Block: wasm.EmptyBlock})
	for _, t := range g.results {
		g.constant(t)
	}
	g.op(wasm.OpReturn)
	g.op(wasm.OpEnd)
}

// statements makes some, and tells whether the last one goes elsewhere for good.
func (g *generator) statements() bool {
	for range g.choose(5) {
		if g.statement() {
			if g.choose(4) == 0 { // and code that is never reached
				g.statement()
				return true
			}
			return true
		}
	}
	return false
}

func (g *generator) constant(t wasm.ValueType) {
	interesting := []int64{0, 1, -1, 5, 64, 65530, math.MaxInt32, math.MinInt32}
	v := interesting[g.choose(len(interesting))]
	switch t {
	case wasm.I32:
		g.i32(int32(v))
	case wasm.I64:
		g.emit(wasm.Instruction{Op: wasm.OpI64Const, Value: uint64(v)})
	case wasm.F64:
		g.emit(wasm.Instruction{Op: wasm.OpF64Const, Value: math.Float64bits(float64(v))})
	}
}

func (g *generator) values(types []wasm.ValueType) {
	for _, t := range types {
		g.value(t)
	}
}

// local chooses a local of a type.
func (g *generator) local(t wasm.ValueType) uint32 {
	var of []uint32
	for i, l := range g.locals {
		if l == t {
			of = append(of, uint32(i))
		}
	}
	return of[g.choose(len(of))]
}

// value makes an expression.
func (g *generator) value(t wasm.ValueType) {
	g.depth++
	defer func() { g.depth-- }()
	if g.depth > generatedDepth {
		g.constant(t)
		return
	}
	switch g.choose(12) {
	case 0, 1:
		g.constant(t)
	case 2, 3:
		g.op(wasm.OpLocalGet, g.local(t))
	case 4:
		g.op(wasm.OpGlobalGet, map[wasm.ValueType]uint32{wasm.I32: globalI32, wasm.I64: globalI64, wasm.F64: globalF64}[t])
	case 5, 6:
		g.value(t)
		g.value(t)
		ops := map[wasm.ValueType][]wasm.Op{
			wasm.I32: {wasm.OpI32Add, wasm.OpI32Sub, wasm.OpI32Mul, wasm.OpI32DivS, wasm.OpI32RemU, wasm.OpI32LtS, wasm.OpI32Xor},
			wasm.I64: {wasm.OpI64Add, wasm.OpI64Mul, wasm.OpI64DivU, wasm.OpI64Shl},
			wasm.F64: {wasm.OpF64Add, wasm.OpF64Mul, wasm.OpF64Div},
		}[t]
		g.op(ops[g.choose(len(ops))])
	case 7:
		g.address()
		g.op(map[wasm.ValueType]wasm.Op{wasm.I32: wasm.OpI32Load, wasm.I64: wasm.OpI64Load, wasm.F64: wasm.OpF64Load}[t])
	case 8:
		block := []wasm.Op{wasm.OpBlock, wasm.OpIf, wasm.OpLoop}[g.choose(3)]
		if block == wasm.OpIf {
			g.value(wasm.I32)
		}
		g.construct(block, wasm.ResultBlock(t), []wasm.ValueType{t})
	case 9:
		g.callFor(t)
	case 10:
		g.value(t)
		g.value(t)
		g.value(wasm.I32)
		g.op(wasm.OpSelect)
	default:
		g.other(t)
	}
}

// address makes one that is mostly within the memory.
func (g *generator) address() {
	g.value(wasm.I32)
	if g.choose(16) > 0 {
		g.i32(0xfff)
		g.op(wasm.OpI32And)
	}
}

// other makes a value by an instruction that there is for one type only.
func (g *generator) other(t wasm.ValueType) {
	switch {
	case t == wasm.I64:
		g.value(wasm.I32)
		g.op(wasm.OpI64ExtendI32S)
	case t == wasm.F64:
		g.value(wasm.I32)
		g.op(wasm.OpF64ConvertI32S)
	default:
		switch g.choose(5) {
		case 0:
			g.op(wasm.OpMemorySize)
		case 1:
			g.value(wasm.I32)
			g.op(wasm.OpMemoryGrow)
		case 2:
			g.op(wasm.OpRefFunc, uint32(1+g.choose(len(g.module.Functions))))
			g.i32(int32(g.choose(4)))
			g.op(wasm.OpTableGrow, 0)
		case 3:
			g.value(wasm.I32)
			g.op(wasm.OpTableGet, 0)
			g.op(wasm.OpRefIsNull)
		default:
			g.value(wasm.I32)
			g.op(wasm.OpCall, 0)
		}
	}
}

// callFor calls a function, and leaves a value of the type.
func (g *generator) callFor(t wasm.ValueType) {
	results := g.call()
	for i := len(results) - 1; i >= 0; i-- {
		if results[i] == t {
			g.op(wasm.OpLocalSet, g.local(t))
			g.dropAll(results[:i])
			g.op(wasm.OpLocalGet, g.local(t))
			return
		}
		g.op(wasm.OpDrop)
	}
	g.constant(t)
}

func (g *generator) dropAll(types []wasm.ValueType) {
	for range types {
		g.op(wasm.OpDrop)
	}
}

// call calls a function, and tells what it leaves.
func (g *generator) call() []wasm.ValueType {
	if g.choose(3) == 0 {
		t := uint32(g.choose(len(g.module.Types)))
		g.values(g.module.Types[t].Params)
		g.i32(int32(g.choose(8)))
		g.op(wasm.OpCallIndirect, t, 0)
		return g.module.Types[t].Results
	}
	f := g.choose(len(g.module.Functions))
	t := g.module.Types[g.module.Functions[f]]
	g.values(t.Params)
	g.op(wasm.OpCall, uint32(f+1))
	return t.Results
}

// construct makes a block, loop or if, whose condition is there already.
func (g *generator) construct(op wasm.Op, block wasm.BlockType, results []wasm.ValueType) {
	g.depth++
	defer func() { g.depth-- }()
	g.emit(wasm.Instruction{Op: op, Block: block})
	label := results
	if op == wasm.OpLoop {
		label = nil
	}
	g.labels = append(g.labels, label)
	arm := func() {
		if op == wasm.OpLoop {
			g.spend()
		}
		if !g.statements() {
			g.values(results)
		}
	}
	arm()
	if op == wasm.OpIf && (len(results) > 0 || g.choose(2) == 0) {
		g.op(wasm.OpElse)
		arm()
	}
	g.op(wasm.OpEnd)
	g.labels = g.labels[:len(g.labels)-1]
}

// statement makes code that leaves nothing, and tells whether it goes elsewhere.
func (g *generator) statement() bool {
	g.depth++
	defer func() { g.depth-- }()
	if g.depth > generatedDepth {
		return false
	}
	switch g.choose(20) {
	case 0, 1:
		t := g.locals[g.choose(len(g.locals))]
		g.value(t)
		g.op(wasm.OpLocalSet, g.local(t))
	case 2:
		g.value(wasm.I64)
		g.op(wasm.OpGlobalSet, globalI64)
	case 3:
		g.address()
		g.value(wasm.I64)
		g.op(wasm.OpI64Store)
	case 4:
		g.construct(wasm.OpBlock, wasm.EmptyBlock, nil)
	case 5, 6:
		g.value(wasm.I32)
		g.construct(wasm.OpIf, wasm.EmptyBlock, nil)
	case 7, 8:
		g.construct(wasm.OpLoop, wasm.EmptyBlock, nil)
	case 9:
		g.dropAll(g.call())
	case 10, 11:
		label := g.choose(len(g.labels))
		types := g.labels[len(g.labels)-1-label]
		g.values(types)
		g.value(wasm.I32)
		g.op(wasm.OpBrIf, uint32(label))
		g.dropAll(types)
	case 12:
		label := g.choose(len(g.labels))
		g.values(g.labels[len(g.labels)-1-label])
		g.op(wasm.OpBr, uint32(label))
		return true
	case 13:
		return g.branchTable()
	case 14:
		g.values(g.results)
		g.op(wasm.OpReturn)
		return true
	case 15:
		g.bulk()
	case 16:
		g.dispatch()
	case 17:
		g.tightLoop()
	case 18:
		g.multiple()
	default:
		if g.choose(8) == 0 {
			g.op(wasm.OpUnreachable)
			return true
		}
		g.op(wasm.OpNop)
	}
	return false
}

// branchTable makes one whose labels all want the same.
func (g *generator) branchTable() bool {
	wanted := g.labels[len(g.labels)-1-g.choose(len(g.labels))]
	var targets []uint32
	for i := range g.labels {
		if label := g.labels[len(g.labels)-1-i]; string(bytesOf(label)) == string(bytesOf(wanted)) {
			targets = append(targets, uint32(i))
		}
	}
	g.values(wanted)
	g.value(wasm.I32)
	g.emit(wasm.Instruction{Op: wasm.OpBrTable, Targets: targets})
	return true
}

func bytesOf(types []wasm.ValueType) []byte {
	b := make([]byte, len(types))
	for i, t := range types {
		b[i] = byte(t)
	}
	return b
}

func (g *generator) bulk() {
	if op := []wasm.Op{wasm.OpTableSet, wasm.OpTableFill}[g.choose(2)]; g.choose(3) == 0 {
		g.i32(int32(g.choose(10)))
		g.op(wasm.OpGlobalGet, globalRef)
		if op == wasm.OpTableFill {
			g.i32(int32(g.choose(5)))
		}
		g.op(op, 0)
		return
	}
	switch g.choose(8) {
	case 0, 1:
		g.moved(200)
		g.op(wasm.OpMemoryFill)
	case 2, 3:
		g.moved(200)
		g.op(wasm.OpMemoryCopy)
	case 4:
		g.moved(10)
		g.op(wasm.OpMemoryInit, 1) // wazero forgets to drop the active ones
	case 5:
		for range 3 {
			g.i32(int32(g.choose(8)))
		}
		g.op(wasm.OpTableCopy, 0, 0)
	case 6:
		g.i32(int32(g.choose(10)))
		g.i32(int32(g.choose(3)))
		g.i32(int32(g.choose(3)))
		g.op(wasm.OpTableInit, uint32(g.choose(2)), 0)
	default:
		g.op(wasm.OpDataDrop, uint32(g.choose(3)))
		g.op(wasm.OpElemDrop, uint32(g.choose(2)))
	}
}

// moved makes the operands of a move of up to most bytes.
func (g *generator) moved(most int) {
	g.address()
	if g.choose(3) == 0 {
		g.address()
	} else {
		g.i32(int32(g.choose(20)))
	}
	g.i32(int32(g.choose(most)))
	if g.choose(2) == 0 { // so that the length is not known before
		g.op(wasm.OpLocalSet, g.local(wasm.I32))
		g.op(wasm.OpLocalGet, g.local(wasm.I32))
	}
}

// dispatch makes one, with jumps of all kinds among its cases.
func (g *generator) dispatch() {
	local := g.local(wasm.I32)
	cases := 1 + g.choose(4)
	g.emit(wasm.Instruction{Op: wasm.OpLoop, Block: wasm.EmptyBlock})
	loop := len(g.labels)
	g.labels = append(g.labels, nil)
	if g.choose(4) == 0 {
		g.spend() // which makes it another loop than it looks like
	}
	var targets []uint32
	for i := range cases {
		g.emit(wasm.Instruction{Op: wasm.OpBlock, Block: wasm.EmptyBlock})
		g.labels = append(g.labels, nil)
		targets = append(targets, uint32(i))
	}
	targets = append(targets, uint32(g.choose(cases+2))) // perhaps out of it, or to the loop
	if targets[cases] == uint32(cases) {
		targets[cases] = 0 // the loop, without an end
	}
	if targets[cases] > uint32(cases) && len(g.labels[len(g.labels)-1-int(targets[cases])]) > 0 {
		targets[cases] = 0
	}
	g.op(wasm.OpLocalGet, local)
	g.emit(wasm.Instruction{Op: wasm.OpBrTable, Targets: targets})
	for range cases {
		g.op(wasm.OpEnd)
		g.labels = g.labels[:len(g.labels)-1]
		g.spend()
		if !g.statements() {
			g.jump(local, cases, loop)
		}
	}
	g.op(wasm.OpEnd)
	g.labels = g.labels[:len(g.labels)-1]
}

// jump makes what may lead to another case of a dispatch, or to the same: a branch
// to its loop, behind a value for the local that chooses.
func (g *generator) jump(local uint32, cases, loop int) {
	label := uint32(len(g.labels) - 1 - loop)
	number := int32(g.choose(cases + 1))
	switch g.choose(5) {
	case 0: // on to the next case
	case 1:
		g.i32(number)
		g.op(wasm.OpLocalSet, local)
		g.op(wasm.OpBr, label)
	case 2:
		g.value(wasm.I32)
		g.emit(wasm.Instruction{Op: wasm.OpIf, Block: wasm.EmptyBlock})
		g.i32(number)
		g.op(wasm.OpLocalSet, local)
		g.op(wasm.OpBr, label+1)
		g.op(wasm.OpEnd)
	case 3:
		g.value(wasm.I32)
		g.i32(number)
		g.op(wasm.OpLocalSet, local)
		g.op(wasm.OpBrIf, label)
	default:
		g.value(wasm.I32)
		g.op(wasm.OpLocalSet, local)
		g.value(wasm.I32)
		g.op(wasm.OpBrIf, label)
	}
}

// tightLoop makes a loop that counts up to a small number by itself.
func (g *generator) tightLoop() {
	counter := uint32(len(g.locals) - 1)
	g.i32(int32(g.choose(20)))
	g.op(wasm.OpLocalSet, counter)
	g.emit(wasm.Instruction{Op: wasm.OpLoop, Block: wasm.EmptyBlock})
	g.op(wasm.OpGlobalGet, globalI32)
	g.i32(3)
	g.op(wasm.OpI32Mul)
	g.op(wasm.OpGlobalSet, globalI32)
	g.op(wasm.OpLocalGet, counter)
	g.i32(1)
	g.op(wasm.OpI32Sub)
	g.op(wasm.OpLocalTee, counter)
	g.i32(0)
	g.op(wasm.OpI32GtS)
	if g.choose(2) == 0 {
		g.op(wasm.OpBrIf, 0)
	} else {
		g.emit(wasm.Instruction{Op: wasm.OpIf, Block: wasm.EmptyBlock})
		g.op(wasm.OpBr, 1)
		g.op(wasm.OpEnd)
	}
	g.op(wasm.OpEnd)
}

// multiple makes a block that takes and gives several values.
func (g *generator) multiple() {
	t := g.module.Types[4]
	g.values(t.Params)
	g.emit(wasm.Instruction{Op: wasm.OpBlock, Block: wasm.IndexedBlock(4)})
	g.labels = append(g.labels, t.Results)
	g.dropAll(t.Params)
	if !g.statements() {
		g.values(t.Results)
	}
	g.op(wasm.OpEnd)
	g.labels = g.labels[:len(g.labels)-1]
	g.dropAll(t.Results)
}
