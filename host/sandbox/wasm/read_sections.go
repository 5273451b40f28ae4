package wasm

import "math"

// Least bytes of an entry of each section, which bound how much its count may make
// us allocate.
const (
	leastType     = 3 // form, no parameters, no results
	leastImport   = 4 // two empty names, kind, index
	leastIndex    = 1
	leastTable    = 3 // type, flag, minimum
	leastMemory   = 2 // flag, minimum
	leastGlobal   = 4 // type, mutability, constant of at least one byte, end
	leastExport   = 3 // empty name, kind, index
	leastElements = 3 // mode, kind, no elements
	leastExpr     = 2 // constant of at least one byte, end
	leastCode     = 3 // size, no locals, end
	leastLocal    = 2 // count, type
	leastData     = 2 // mode, no bytes
)

// elementFunctions is the kind of an element segment that is given as function indices.
const elementFunctions = 0

// functionForm begins a function type.
const functionForm = 0x60

// mostPages is the specification's bound of a memory: 4 GiB.
const mostPages = 1 << 16

func (r *reader) readTypes() {
	types := make([]FuncType, r.count("types", r.bounds.Types, leastType))
	// The types' parameters and results share one allocation; each takes a byte
	// of the section, so it suffices.
	arena := make([]ValueType, 0, r.left())
	for i := range types {
		if form := r.byte(); form != functionForm && r.failed == nil {
			r.fail(r.pos-1, "type %d has the form %#x; only function types, %#x, are known", i, form, functionForm)
		}
		types[i].Params, arena = r.readValueTypes(arena, "parameters of a function", r.bounds.Parameters)
		types[i].Results, arena = r.readValueTypes(arena, "results of a function", r.bounds.Results)
		if r.failed != nil {
			return
		}
	}
	r.module.Types = types
}

func (r *reader) readValueTypes(arena []ValueType, what string, most uint32) (types, rest []ValueType) {
	n := r.count(what, most, 1)
	start := len(arena)
	for range n {
		arena = append(arena, r.valueType())
	}
	return arena[start:len(arena):len(arena)], arena
}

func (r *reader) readImports() {
	imports := make([]Import, r.count("imports", r.bounds.Imports, leastImport))
	for i := range imports {
		r.readImport(&imports[i])
		if r.failed != nil {
			return
		}
	}
	r.module.Imports = imports
	r.imported = len(r.globals)
}

func (r *reader) readImport(i *Import) {
	i.Module = r.name()
	i.Name = r.name()
	i.Kind = ExternKind(r.byte())
	switch i.Kind {
	case ExternFunction:
		i.Type = r.index("type", len(r.module.Types))
		r.functions = append(r.functions, i.Type)
	case ExternTable:
		i.Table = r.tableType()
	case ExternMemory:
		i.Memory = r.memoryType()
	case ExternGlobal:
		i.Global = r.globalType()
		r.globals = append(r.globals, i.Global)
	default:
		r.fail(r.pos-1, "there is no import of kind %#x in WebAssembly 2.0", byte(i.Kind))
	}
}

func (r *reader) readFunctions() {
	n := r.count("functions", r.bounds.Functions, leastIndex)
	imported := len(r.functions)
	all := make([]uint32, imported+n)
	copy(all, r.functions)
	for i := range n {
		all[imported+i] = r.index("type", len(r.module.Types))
	}
	r.functions = all
	r.module.Functions = all[imported:len(all):len(all)]
}

func (r *reader) readTables() {
	n := r.count("tables", r.bounds.Tables, leastTable)
	for range n {
		r.module.Tables = append(r.module.Tables, r.tableType())
	}
}

// tableType reads the type of a table and adds the table to the index space.
func (r *reader) tableType() TableType {
	t := TableType{Type: r.referenceType(), Limits: r.limits("table")}
	r.tables = append(r.tables, t)
	r.within("tables", uint64(len(r.tables)), r.bounds.Tables)
	return t
}

func (r *reader) readMemories() {
	n := r.count("memories", math.MaxUint32, leastMemory) // memoryType refuses a second
	for range n {
		r.module.Memories = append(r.module.Memories, r.memoryType())
	}
}

// memoryType reads the limits of a memory and adds the memory to the index space.
func (r *reader) memoryType() Limits {
	start := r.pos
	l := r.limits("memory")
	if r.failed == nil && (l.Min > mostPages || l.Max > mostPages) {
		r.fail(start, "a memory of more than %d pages", mostPages)
	}
	if r.memories++; r.memories > 1 && r.failed == nil {
		r.fail(start, "there are two memories; WebAssembly 2.0 has one")
	}
	return l
}

func (r *reader) limits(what string) Limits {
	start := r.pos
	l := Limits{HasMax: r.flag("the flag of limits")}
	l.Min = r.uint32()
	if l.HasMax {
		l.Max = r.uint32()
		if r.failed == nil && l.Max < l.Min {
			r.fail(start, "a %s of at least %d but at most %d", what, l.Min, l.Max)
		}
	}
	return l
}

func (r *reader) globalType() GlobalType {
	return GlobalType{Type: r.valueType(), Mutable: r.flag("mutability")}
}

func (r *reader) readGlobals() {
	globals := make([]Global, r.count("globals", r.bounds.Globals, leastGlobal))
	for i := range globals {
		t := r.globalType()
		globals[i] = Global{t, r.expr(t.Type)}
		if r.failed != nil {
			return
		}
	}
	for i := range globals {
		r.globals = append(r.globals, globals[i].Type)
	}
	r.module.Globals = globals
}

func (r *reader) readExports() {
	exports := make([]Export, r.count("exports", r.bounds.Exports, leastExport))
	seen := make(map[string]struct{}, len(exports))
	for i := range exports {
		start := r.pos
		exports[i] = Export{Name: r.name(), Kind: ExternKind(r.byte())}
		exports[i].Index = r.exportIndex(exports[i].Kind)
		if _, twice := seen[exports[i].Name]; twice {
			r.fail(start, "two exports are named %q", exports[i].Name)
		}
		if r.failed != nil {
			return
		}
		seen[exports[i].Name] = struct{}{}
	}
	r.module.Exports = exports
}

func (r *reader) exportIndex(kind ExternKind) uint32 {
	switch kind {
	case ExternFunction:
		i := r.index("function", len(r.functions))
		r.declare(i)
		return i
	case ExternTable:
		return r.index("table", len(r.tables))
	case ExternMemory:
		return r.index("memory", r.memories)
	case ExternGlobal:
		return r.index("global", len(r.globals))
	}
	r.fail(r.pos-1, "there is no export of kind %#x in WebAssembly 2.0", byte(kind))
	return 0
}

func (r *reader) readStart() {
	start := r.pos
	i := r.index("function", len(r.functions))
	if r.failed != nil {
		return
	}
	if t := r.module.Types[r.functions[i]]; len(t.Params) > 0 || len(t.Results) > 0 {
		r.fail(start, "the start function takes or gives values")
		return
	}
	r.module.Start = &i
}

// declare notes that a function is named outside of bodies, so that ref.func may
// name it in one.
func (r *reader) declare(function uint32) {
	if r.failed != nil {
		return
	}
	if r.declared == nil {
		r.declared = make([]bool, len(r.functions))
	}
	r.declared[function] = true
}

// expr reads a constant expression that gives a value of a type.
func (r *reader) expr(want ValueType) Expr {
	start := r.pos
	i := Instructions{r.cursor}
	var ins Instruction
	if i.Next(&ins); i.cursor.failed != nil {
		r.stop(i.cursor.failed)
		return nil
	}
	r.pos = i.cursor.pos
	got := r.constant(&ins, start)
	if r.failed == nil && got != want {
		r.fail(start, "the constant expression gives %v where %v is needed", got, want)
	}
	if end := r.byte(); Op(end) != OpEnd && r.failed == nil {
		r.fail(r.pos-1, "a constant expression has one constant instruction and an end")
	}
	if r.failed != nil {
		return nil
	}
	return Expr(r.data[start:r.pos:r.pos])
}

// constant checks a constant instruction and gives the type of its value.
func (r *reader) constant(ins *Instruction, start int) ValueType {
	switch ins.Op {
	case OpI32Const:
		return I32
	case OpI64Const:
		return I64
	case OpF32Const:
		return F32
	case OpF64Const:
		return F64
	case OpV128Const:
		return V128
	case OpRefNull:
		return ins.Type
	case OpRefFunc:
		if uint64(ins.Index) >= uint64(len(r.functions)) {
			r.fail(start, "function %d does not exist; there are %d", ins.Index, len(r.functions))
			return 0
		}
		r.declare(ins.Index)
		return FuncRef
	case OpGlobalGet:
		if uint64(ins.Index) >= uint64(r.imported) || r.globals[ins.Index].Mutable {
			r.fail(start, "a constant expression names global %d, which is not an imported immutable one", ins.Index)
			return 0
		}
		return r.globals[ins.Index].Type
	}
	r.fail(start, "%v is not a constant instruction", ins.Op)
	return 0
}

// The bits of the number that begins an element segment.
const (
	elementNotActive = 1 << 0 // passive, or declarative if elementExplicit
	elementExplicit  = 1 << 1 // active with the table's index
	elementExprs     = 1 << 2
	elementBits      = elementNotActive | elementExplicit | elementExprs
)

func (r *reader) readElements() {
	elements := make([]Element, r.count("element segments", r.bounds.Elements, leastElements))
	for i := range elements {
		r.readElement(&elements[i])
		if r.failed != nil {
			return
		}
	}
	r.module.Elements = elements
}

func (r *reader) readElement(e *Element) {
	start := r.pos
	bits := r.uint32()
	if bits > elementBits {
		r.fail(start, "there is no element segment of form %d", bits)
		return
	}
	e.Mode = elementMode(bits)
	if e.Mode == Active {
		if bits&elementExplicit != 0 {
			e.Table = r.index("table", len(r.tables))
		} else if len(r.tables) == 0 {
			r.fail(start, "an active element segment, but no table")
		}
		e.Offset = r.expr(I32)
	}
	e.Type = FuncRef
	if bits&(elementNotActive|elementExplicit) != 0 {
		e.Type = r.elementType(bits)
	}
	if r.failed == nil && e.Mode == Active && r.tables[e.Table].Type != e.Type {
		r.fail(start, "elements of %v for a table of %v", e.Type, r.tables[e.Table].Type)
	}
	if bits&elementExprs != 0 {
		e.Exprs = make([]Expr, r.entryCount(leastExpr))
		for i := range e.Exprs {
			e.Exprs[i] = r.expr(e.Type)
		}
		return
	}
	e.Functions = make([]uint32, r.entryCount(leastIndex))
	for i := range e.Functions {
		e.Functions[i] = r.index("function", len(r.functions))
		r.declare(e.Functions[i])
	}
}

func elementMode(bits uint32) SegmentMode {
	switch bits & (elementNotActive | elementExplicit) {
	case elementNotActive:
		return Passive
	case elementNotActive | elementExplicit:
		return Declarative
	}
	return Active
}

// elementType reads the reference type of expressions, or the kind of indices,
// of which there is one.
func (r *reader) elementType(bits uint32) ValueType {
	if bits&elementExprs != 0 {
		return r.referenceType()
	}
	if kind := r.byte(); kind != elementFunctions && r.failed == nil {
		r.fail(r.pos-1, "there is no kind of elements %#x", kind)
	}
	return FuncRef
}

// entryCount reads how many elements a segment has.
func (r *reader) entryCount(bytesEach int) int {
	n := r.count("elements in element segments", r.bounds.ElementEntries, bytesEach)
	r.entries += uint64(n)
	if !r.within("elements in element segments", r.entries, r.bounds.ElementEntries) {
		return 0
	}
	return n
}

// The numbers that begin a data segment.
const (
	dataActive   = 0
	dataPassive  = 1
	dataExplicit = 2 // active, with the memory's index
)

func (r *reader) readDatas() {
	data := make([]Data, r.count("data segments", r.bounds.Data, leastData))
	for i := range data {
		d := &data[i]
		start := r.pos
		switch form := r.uint32(); form {
		case dataActive:
			if r.memories == 0 {
				r.fail(start, "an active data segment, but no memory")
			}
		case dataPassive:
			d.Mode = Passive
		case dataExplicit:
			d.Memory = r.index("memory", r.memories)
		default:
			r.fail(start, "there is no data segment of form %d", form)
		}
		if d.Mode == Active {
			d.Offset = r.expr(I32)
		}
		d.Bytes = r.bytes(r.uint32())
		if r.failed != nil {
			return
		}
	}
	r.module.Data = data
}
