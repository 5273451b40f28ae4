package weave

import (
	"fmt"
	"math"

	"github.com/postern-dev/postern/host/sandbox/wasm"
)

// The names that Weave gives to what it adds to a module.
const (
	// ImportModule and ImportYield name the function that the host must give:
	// (param i64) (result i64). It is called with the fuel, which is below 0, and
	// gives the new amount, or ends the guest by a panic.
	ImportModule = "postern_fuel"
	ImportYield  = "yield"
	// ExportPrefix begins the name of every export that is added.
	ExportPrefix = "postern."
	// ExportFuel is a mutable i64 global, 0 at first: the units that are left until
	// the next yield.
	ExportFuel = ExportPrefix + "fuel"
	// ExportTouched is a mutable i32 global, 0 at first; it is 1 after an instruction
	// that changed what the exports and the memory do not show.
	ExportTouched = ExportPrefix + "touched"
	// ExportStack is a mutable i64 global: the bytes of stack that are left. A trap
	// leaves it too low, as it leaves all that the guest was about to undo.
	ExportStack = ExportPrefix + "stack"
	// ExportGlobal begins the name of a mutable global of the module that holds a
	// number; its index among the module's globals, imported ones included, follows.
	ExportGlobal = ExportPrefix + "global."
	// ExportData is a function without parameters and results. It writes the active
	// data segments into the memory, and must be called once before anything else.
	ExportData = ExportPrefix + "data"
)

// StackOverflow is what yield is called with, in place of the fuel, when the guest's
// calls are nested too deeply. Yield must then not return; if it does, the guest
// traps.
const StackOverflow = math.MinInt64

// Options are the limits that are woven into a module.
type Options struct {
	// MemoryPages is the most pages of 64 KiB that a memory may have.
	MemoryPages uint32
	// TableElements is the most elements that a table may have. What moves elements
	// is charged by their number, but goes on to its end; a million take a millisecond.
	TableElements uint32
	// StackBytes is the most that the frames of nested calls may take together, by
	// the estimate of the weaver.
	StackBytes int64
}

// DefaultStackBytes is room for a hundred thousand nested calls of small functions, or
// ten thousand of those that Go's compiler makes.
const DefaultStackBytes = 8 << 20

// weaver holds what all functions of a module need.
type weaver struct {
	module  *wasm.Module
	options Options
	// imported is how many functions the module imports by itself: the index of
	// yield. defined is how many it defines.
	imported, defined uint32
	// functions (by their types), globals, tables and memory are what the module had,
	// imports included.
	functions []uint32
	globals   []wasm.GlobalType
	tables    []wasm.TableType
	memory    wasm.Limits
	// fuel, touched and stack are the globals that are added.
	fuel, touched, stack uint32
	// refuel and overflow are the woven functions that call yield.
	refuel, overflow uint32
	// dataFunction is the woven function that copies the data segments.
	dataFunction uint32
	helpers      map[helper]uint32
	added        []function
	addedTypes   []uint32
	resultTypes  map[uint32]wasm.BlockType
	// sources are the data segments that the module had; passive tells that those
	// that are active become passive. segments are then the new indices of the others.
	sources  []wasm.Data
	passive  bool
	segments []uint32
	// empty is the index of a segment without bytes, once there is one.
	empty *uint32
}

// Weave changes a module that wasm.Read has accepted, in place. The indices of what it
// had stay as they are, but for the functions that it defines, which move up by one,
// and its data segments.
//
// An error says that a memory or table starts beyond the limits of the options; the
// module must not be used then.
func Weave(m *wasm.Module, options Options) error {
	w := &weaver{module: m, options: options, helpers: map[helper]uint32{}, resultTypes: map[uint32]wasm.BlockType{}}
	if err := w.limit(); err != nil {
		return err
	}
	w.survey()
	w.refuel = w.add(refuelType(), w.makeRefuel())
	w.overflow = w.add(wasm.FuncType{}, w.makeOverflow())
	w.weaveData()
	w.weaveCode()
	w.shiftFunctions()
	w.export()
	w.appendAdded()
	m.DropCustom()
	return nil
}

// limit lowers the maximum of memories and tables.
func (w *weaver) limit() error {
	m := w.module
	for i := range m.Memories {
		if err := lower(&m.Memories[i], w.options.MemoryPages); err != nil {
			return fmt.Errorf("memory %d: %w", i, err)
		}
		m.Changed(wasm.SectionMemory)
	}
	for i := range m.Tables {
		if err := lower(&m.Tables[i].Limits, w.options.TableElements); err != nil {
			return fmt.Errorf("table %d: %w", i, err)
		}
		m.Changed(wasm.SectionTable)
	}
	return nil
}

func lower(l *wasm.Limits, most uint32) error {
	if l.Min > most {
		return fmt.Errorf("it starts at %d; lower its minimum to at most %d", l.Min, most)
	}
	if !l.HasMax || l.Max > most {
		l.Max, l.HasMax = most, true
	}
	return nil
}

// survey counts what the module has, and adds the import and the globals.
func (w *weaver) survey() {
	m := w.module
	for i := range m.Imports {
		switch im := &m.Imports[i]; im.Kind {
		case wasm.ExternFunction:
			w.imported++
			w.functions = append(w.functions, im.Type)
		case wasm.ExternTable:
			w.tables = append(w.tables, im.Table)
		case wasm.ExternMemory:
			w.memory = im.Memory
		case wasm.ExternGlobal:
			w.globals = append(w.globals, im.Global)
		}
	}
	w.defined = uint32(len(m.Functions))
	w.functions = append(w.functions, m.Functions...)
	w.tables = append(w.tables, m.Tables...)
	if len(m.Memories) > 0 {
		w.memory = m.Memories[0]
	}
	for i := range m.Globals {
		w.globals = append(w.globals, m.Globals[i].Type)
	}
	w.fuel = uint32(len(w.globals))
	w.touched, w.stack = w.fuel+1, w.fuel+2
	m.Globals = append(m.Globals,
		global(wasm.I64, new(assembly).i64(0)),
		global(wasm.I32, new(assembly).i32(0)),
		global(wasm.I64, new(assembly).i64(w.options.StackBytes)))
	m.Changed(wasm.SectionGlobal)
	m.Imports = append(m.Imports, wasm.Import{
		Module: ImportModule, Name: ImportYield, Kind: wasm.ExternFunction,
		Type: w.addType(refuelType()),
	})
	m.Changed(wasm.SectionImport)
}

func refuelType() wasm.FuncType {
	return wasm.FuncType{Params: []wasm.ValueType{wasm.I64}, Results: []wasm.ValueType{wasm.I64}}
}

func global(t wasm.ValueType, init *assembly) wasm.Global {
	return wasm.Global{Type: wasm.GlobalType{Type: t, Mutable: true}, Init: init.end().code}
}

// addType appends a function type.
func (w *weaver) addType(t wasm.FuncType) uint32 {
	w.module.Types = append(w.module.Types, t)
	w.module.Changed(wasm.SectionType)
	return uint32(len(w.module.Types) - 1)
}

// add adds a function, and gives its index.
func (w *weaver) add(t wasm.FuncType, f function) uint32 {
	w.added = append(w.added, f)
	w.addedTypes = append(w.addedTypes, w.addType(t))
	return w.imported + 1 + w.defined + uint32(len(w.added)-1)
}

func (w *weaver) appendAdded() {
	m := w.module
	m.Functions = append(m.Functions, w.addedTypes...)
	for i := range w.added {
		m.Code = append(m.Code, wasm.Code{Locals: w.added[i].locals, Body: w.added[i].code})
	}
	m.Changed(wasm.SectionFunction)
	m.Changed(wasm.SectionCode)
}

// resultBlock gives the type of a block with the results of a function type.
func (w *weaver) resultBlock(t uint32) wasm.BlockType {
	results := w.module.Types[t].Results
	switch len(results) {
	case 0:
		return wasm.EmptyBlock
	case 1:
		return wasm.ResultBlock(results[0])
	}
	b, ok := w.resultTypes[t]
	if !ok {
		b = wasm.IndexedBlock(w.addType(wasm.FuncType{Results: results}))
		w.resultTypes[t] = b
	}
	return b
}

// weaveCode weaves the functions that the module defines.
func (w *weaver) weaveCode() {
	m := w.module
	p := planner{imported: w.imported, types: m.Types, functions: w.functions}
	b := body{weaver: w}
	size := 0
	for i := range m.Code {
		size += len(m.Code[i].Body)
	}
	b.code = make([]byte, 0, size+size/2)
	ends := make([]int, len(m.Code))
	for i := range m.Code {
		code := &m.Code[i]
		p.read(code.Body, w.locals(code, m.Functions[i]))
		frame := int64(0)
		if p.calls {
			frame = p.frame()
		}
		b.weave(code, m.Functions[i], &p.plan, frame)
		ends[i] = len(b.code)
	}
	start := 0
	for i, end := range ends {
		m.Code[i].Body = b.code[start:end:end]
		start = end
	}
}

// shiftFunctions moves the indices of functions outside of code.
func (w *weaver) shiftFunctions() {
	m := w.module
	for i := range m.Exports {
		if m.Exports[i].Kind == wasm.ExternFunction {
			m.Exports[i].Index = w.shift(m.Exports[i].Index)
		}
	}
	if m.Start != nil {
		start := w.shift(*m.Start)
		m.Start = &start
		m.Changed(wasm.SectionStart)
	}
	for i := range m.Globals {
		m.Globals[i].Init = w.shiftExpr(m.Globals[i].Init)
	}
	for i := range m.Elements {
		e := &m.Elements[i]
		for j, f := range e.Functions {
			e.Functions[j] = w.shift(f)
		}
		for j := range e.Exprs {
			e.Exprs[j] = w.shiftExpr(e.Exprs[j])
		}
		m.Changed(wasm.SectionElement)
	}
}

func (w *weaver) shift(function uint32) uint32 {
	if function >= w.imported {
		return function + 1
	}
	return function
}

func (w *weaver) shiftExpr(e wasm.Expr) wasm.Expr {
	var ins wasm.Instruction
	instructions := wasm.NewInstructions(e)
	if instructions.Next(&ins); ins.Op != wasm.OpRefFunc || ins.Index < w.imported {
		return e
	}
	return new(assembly).with(wasm.OpRefFunc, ins.Index+1).end().code
}

// export adds the exports.
func (w *weaver) export() {
	m := w.module
	m.Exports = append(m.Exports,
		wasm.Export{Name: ExportFuel, Kind: wasm.ExternGlobal, Index: w.fuel},
		wasm.Export{Name: ExportTouched, Kind: wasm.ExternGlobal, Index: w.touched},
		wasm.Export{Name: ExportStack, Kind: wasm.ExternGlobal, Index: w.stack},
		wasm.Export{Name: ExportData, Kind: wasm.ExternFunction, Index: w.dataFunction})
	for i := m.ImportCount(wasm.ExternGlobal); i < len(w.globals); i++ {
		if w.globals[i].Mutable && numeric(w.globals[i]) {
			m.Exports = append(m.Exports, wasm.Export{Name: fmt.Sprint(ExportGlobal, i), Kind: wasm.ExternGlobal, Index: uint32(i)})
		}
	}
	m.Changed(wasm.SectionExport)
}

// numeric tells whether a global holds what a host can read and write.
func numeric(g wasm.GlobalType) bool {
	switch g.Type {
	case wasm.I32, wasm.I64, wasm.F32, wasm.F64:
		return true
	}
	return false
}
