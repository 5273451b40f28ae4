package wat

import "github.com/postern-dev/postern/host/sandbox/wasm"

// defineField adds to the module what a field defines. What the field brings into
// an index space was counted by declareField, so its index is the next one.
func (asm *assembler) defineField(n *node) {
	c := asm.field(n)
	switch n.head() {
	case "import":
		asm.importField(c)
	case "func":
		asm.function(c)
	case "table":
		asm.table(c)
	case "memory":
		asm.memory(c)
	case "global":
		asm.global(c)
	case "export":
		asm.export(c)
	case "start":
		if asm.module.Start != nil {
			asm.fail(n.offset, "another start function is named before")
		}
		start := c.index(asm.functions.names, "function")
		asm.module.Start = &start
	case "elem":
		asm.element(c)
	case "data":
		asm.dataSegment(c)
	default:
		return // types are defined where they are declared
	}
	c.done()
}

func (asm *assembler) importField(c *cursor) {
	i := wasm.Import{Module: c.utf8("the name of a module"), Name: c.utf8("the name of an import")}
	n := c.next("what is imported")
	d := asm.field(n)
	d.name()
	asm.importType(&i, n.head(), d)
	d.done()
	asm.spaceOf(i.Kind).take()
	asm.module.Imports = append(asm.module.Imports, i)
}

// importType reads of what kind and type an import is.
func (asm *assembler) importType(i *wasm.Import, kind string, c *cursor) {
	switch kind {
	case "func":
		i.Kind = wasm.ExternFunction
		i.Type, _ = c.typeUse()
	case "table":
		i.Kind = wasm.ExternTable
		i.Table = c.tableType()
	case "memory":
		i.Kind = wasm.ExternMemory
		i.Memory = c.limits()
	case "global":
		i.Kind = wasm.ExternGlobal
		i.Global = c.globalType()
	}
}

// spaceOf returns the index space of what can be imported.
func (asm *assembler) spaceOf(kind wasm.ExternKind) *space {
	switch kind {
	case wasm.ExternTable:
		return &asm.tables
	case wasm.ExternMemory:
		return &asm.memories
	case wasm.ExternGlobal:
		return &asm.globals
	}
	return &asm.functions
}

// inline takes the inline exports of the thing at index, and its inline import.
// It reports whether the thing is imported.
func (asm *assembler) inline(c *cursor, kind wasm.ExternKind, word string, index uint32) bool {
	c.name()
	for l := c.list("export"); l != nil; l = c.list("export") {
		asm.module.Exports = append(asm.module.Exports, wasm.Export{Name: l.utf8("the name of an export"), Kind: kind, Index: index})
		l.done()
	}
	l := c.list("import")
	if l == nil {
		return false
	}
	i := wasm.Import{Module: l.utf8("the name of a module"), Name: l.utf8("the name of an import")}
	l.done()
	asm.importType(&i, word, c)
	asm.module.Imports = append(asm.module.Imports, i)
	return true
}

func (asm *assembler) function(c *cursor) {
	index := asm.functions.take()
	if asm.inline(c, wasm.ExternFunction, "func", index) {
		return
	}
	typeIndex, names := c.typeUse()
	b := body{asm: asm, locals: space{names: names, count: uint32(len(asm.typeAt(typeIndex).Params))}}
	var locals []wasm.ValueType
	for l := c.list("local"); l != nil; l = c.list("local") {
		locals = asm.values(l, locals, &b.locals)
	}
	b.sequence(c)
	b.code = wasm.AppendInstruction(b.code, &wasm.Instruction{Op: wasm.OpEnd})
	asm.module.Functions = append(asm.module.Functions, typeIndex)
	asm.module.Code = append(asm.module.Code, wasm.Code{Locals: groups(locals), Body: b.code})
}

// groups counts equal types that follow each other, as the binary format has them.
func groups(types []wasm.ValueType) []wasm.Local {
	var locals []wasm.Local
	for _, t := range types {
		if last := len(locals) - 1; last >= 0 && locals[last].Type == t {
			locals[last].Count++
			continue
		}
		locals = append(locals, wasm.Local{Count: 1, Type: t})
	}
	return locals
}

func (asm *assembler) table(c *cursor) {
	index := asm.tables.take()
	if asm.inline(c, wasm.ExternTable, "table", index) {
		return
	}
	t := asm.reference(c)
	if t == 0 {
		asm.module.Tables = append(asm.module.Tables, c.tableType())
		return
	}
	l := c.list("elem")
	if l == nil {
		asm.fail(c.offset, "a table has the form (table 1 2 funcref) or (table funcref (elem …))")
		return
	}
	asm.elements.take()
	segment := wasm.Element{Mode: wasm.Active, Table: index, Offset: zero(), Type: t}
	asm.entries(l, &segment, l.isIndex())
	size := uint32(max(len(segment.Functions), len(segment.Exprs)))
	asm.module.Tables = append(asm.module.Tables, wasm.TableType{Type: t, Limits: wasm.Limits{Min: size, Max: size, HasMax: true}})
	asm.module.Elements = append(asm.module.Elements, segment)
}

// zero is the offset of a segment that is written inline.
func zero() wasm.Expr {
	return wasm.AppendInstruction(wasm.AppendInstruction(nil, &wasm.Instruction{Op: wasm.OpI32Const}), &wasm.Instruction{Op: wasm.OpEnd})
}

func (asm *assembler) memory(c *cursor) {
	index := asm.memories.take()
	if asm.inline(c, wasm.ExternMemory, "memory", index) {
		return
	}
	l := c.list("data")
	if l == nil {
		asm.module.Memories = append(asm.module.Memories, c.limits())
		return
	}
	asm.data.take()
	contents := l.bytes()
	l.done()
	const page = 64 << 10
	pages := uint32((len(contents) + page - 1) / page)
	asm.module.Memories = append(asm.module.Memories, wasm.Limits{Min: pages, Max: pages, HasMax: true})
	asm.module.Data = append(asm.module.Data, wasm.Data{Mode: wasm.Active, Memory: index, Offset: zero(), Bytes: contents})
}

func (asm *assembler) global(c *cursor) {
	index := asm.globals.take()
	if asm.inline(c, wasm.ExternGlobal, "global", index) {
		return
	}
	t := c.globalType()
	asm.module.Globals = append(asm.module.Globals, wasm.Global{Type: t, Init: asm.expression(c)})
}

// expression takes what is left of a list as a constant expression.
func (asm *assembler) expression(c *cursor) wasm.Expr {
	b := body{asm: asm}
	b.sequence(c)
	return wasm.AppendInstruction(b.code, &wasm.Instruction{Op: wasm.OpEnd})
}

// single takes one folded instruction as a constant expression.
func (asm *assembler) single(n *node) wasm.Expr {
	return asm.expression(asm.cursor(&node{kind: list, items: []*node{n}, offset: n.offset}))
}

func (asm *assembler) export(c *cursor) {
	e := wasm.Export{Name: c.utf8("the name of an export")}
	n := c.next("what is exported")
	d := asm.field(n)
	switch n.head() {
	case "func":
		e.Kind, e.Index = wasm.ExternFunction, d.index(asm.functions.names, "function")
	case "table":
		e.Kind, e.Index = wasm.ExternTable, d.index(asm.tables.names, "table")
	case "memory":
		e.Kind, e.Index = wasm.ExternMemory, d.index(asm.memories.names, "memory")
	case "global":
		e.Kind, e.Index = wasm.ExternGlobal, d.index(asm.globals.names, "global")
	default:
		asm.fail(n.offset, "%s cannot be exported; func, table, memory and global can", n.describeHead())
	}
	d.done()
	asm.module.Exports = append(asm.module.Exports, e)
}

// element adds (elem …): declared, passive, or active at an offset of a table.
func (asm *assembler) element(c *cursor) {
	asm.elements.take()
	c.name()
	segment := wasm.Element{Mode: wasm.Passive}
	var table *cursor
	if c.keyword("declare") {
		segment.Mode = wasm.Declarative
	} else {
		if table = c.list("table"); table != nil {
			segment.Table = table.index(asm.tables.names, "table")
			table.done()
		} else if c.isIndex() && len(c.items) > 1 && c.items[1].kind == list {
			segment.Table = c.index(asm.tables.names, "table")
		}
		if offset, ok := asm.offset(c); ok {
			segment.Mode, segment.Offset = wasm.Active, offset
		} else if table != nil {
			asm.fail(table.offset, "a segment that names its table has an offset")
		}
	}
	// (elem (offset …) $f $g) may leave the word func out, from when functions were
	// all that tables had.
	functions := c.keyword("func") || segment.Mode == wasm.Active && (c.isIndex() || c.peek() == nil)
	segment.Type = wasm.FuncRef
	if !functions {
		if segment.Type = asm.reference(c); segment.Type == 0 {
			asm.fail(c.offset, "the type of the segment's entries is missing: func, funcref or externref")
		}
	}
	asm.entries(c, &segment, functions)
	asm.module.Elements = append(asm.module.Elements, segment)
}

// entries takes the entries of an element segment, as indices or as expressions.
func (asm *assembler) entries(c *cursor, segment *wasm.Element, functions bool) {
	if !functions {
		segment.Exprs = []wasm.Expr{} // the writer asks whether there are any by nil
	}
	for c.peek() != nil {
		if functions {
			segment.Functions = append(segment.Functions, c.index(asm.functions.names, "function"))
			continue
		}
		if l := c.list("item"); l != nil {
			segment.Exprs = append(segment.Exprs, asm.expression(l))
			continue
		}
		n := c.next("an entry of the segment")
		if n.kind != list {
			asm.fail(n.offset, "%s is not an entry of this segment; (ref.func $f) is", n.describe())
		}
		segment.Exprs = append(segment.Exprs, asm.single(n))
	}
}

// offset takes the offset of an active segment, (offset …) or a folded instruction,
// if one follows.
func (asm *assembler) offset(c *cursor) (wasm.Expr, bool) {
	if l := c.list("offset"); l != nil {
		return asm.expression(l), true
	}
	n := c.peek()
	if n == nil || n.kind != list || n.head() == "item" {
		return nil, false
	}
	c.next("an offset")
	return asm.single(n), true
}

func (asm *assembler) dataSegment(c *cursor) {
	asm.data.take()
	c.name()
	segment := wasm.Data{Mode: wasm.Passive}
	memory := c.list("memory")
	if memory != nil {
		segment.Memory = memory.index(asm.memories.names, "memory")
		memory.done()
	} else if c.isIndex() {
		segment.Memory = c.index(asm.memories.names, "memory")
	}
	if offset, ok := asm.offset(c); ok {
		segment.Mode, segment.Offset = wasm.Active, offset
	} else if memory != nil {
		asm.fail(memory.offset, "a segment that names its memory has an offset")
	}
	segment.Bytes = c.bytes()
	asm.module.Data = append(asm.module.Data, segment)
}

// limits takes the smallest and, if one follows, the largest size.
func (c *cursor) limits() wasm.Limits {
	l := wasm.Limits{Min: c.unsigned("the smallest size")}
	if c.isIndex() {
		l.Max, l.HasMax = c.unsigned("the largest size"), true
	}
	return l
}

func (c *cursor) tableType() wasm.TableType {
	t := wasm.TableType{Limits: c.limits()}
	if t.Type = c.asm.reference(c); t.Type == 0 {
		c.asm.fail(c.offset, "the type of the table's entries is missing: funcref or externref")
	}
	return t
}

func (c *cursor) globalType() wasm.GlobalType {
	if l := c.list("mut"); l != nil {
		t := wasm.GlobalType{Type: l.valueType(), Mutable: true}
		l.done()
		return t
	}
	return wasm.GlobalType{Type: c.valueType()}
}
