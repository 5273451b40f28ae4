package wat

import "github.com/postern-dev/postern/host/sandbox/wasm"

// declareField counts and names what a field brings into the module's index
// spaces. Types are defined at once: whatever follows may name them.
func (asm *assembler) declareField(n *node) {
	c := asm.field(n)
	switch n.head() {
	case "type":
		asm.declare(&asm.types, c, "type")
		asm.defineType(c)
	case "import":
		asm.declareImport(c)
	case "func":
		asm.declare(&asm.functions, c, "function")
		asm.order(c)
	case "table":
		asm.declare(&asm.tables, c, "table")
		asm.order(c)
		if asm.reference(c) != 0 && c.list("elem") != nil {
			asm.elements.count++
		}
	case "memory":
		asm.declare(&asm.memories, c, "memory")
		asm.order(c)
		if c.list("data") != nil {
			asm.data.count++
		}
	case "global":
		asm.declare(&asm.globals, c, "global")
		asm.order(c)
	case "elem":
		asm.declare(&asm.elements, c, "element segment")
	case "data":
		asm.declare(&asm.data, c, "data segment")
	case "export", "start":
	default:
		asm.fail(n.offset, "%s is not a field of a module; those are type, import, func, table, memory, global, export, start, elem and data", n.describeHead())
	}
}

// describeHead names what a list that nobody knows begins with.
func (n *node) describeHead() string {
	if head := n.head(); head != "" {
		return head
	}
	return n.describe()
}

func (asm *assembler) declareImport(c *cursor) {
	if asm.defined {
		asm.fail(c.offset, "imports stand before all functions, tables, memories and globals of the module's own")
	}
	c.utf8("the name of a module")
	c.utf8("the name of an import")
	n := c.next("what is imported")
	c.done()
	c = asm.field(n)
	switch n.head() {
	case "func":
		asm.declare(&asm.functions, c, "function")
	case "table":
		asm.declare(&asm.tables, c, "table")
	case "memory":
		asm.declare(&asm.memories, c, "memory")
	case "global":
		asm.declare(&asm.globals, c, "global")
	default:
		asm.fail(n.offset, "%s cannot be imported; func, table, memory and global can", n.describeHead())
	}
}

// order passes over the inline exports and import of a field, and sees to it that
// imports come first.
func (asm *assembler) order(c *cursor) {
	for c.list("export") != nil {
	}
	imported := c.list("import")
	switch {
	case imported == nil:
		asm.defined = true
	case asm.defined:
		asm.fail(imported.offset, "imports stand before all functions, tables, memories and globals of the module's own")
	}
}

// defineType adds (type $name (func …)).
func (asm *assembler) defineType(c *cursor) {
	f := c.list("func")
	if f == nil {
		asm.fail(c.offset, "a type has the form (type $name (func …))")
		return
	}
	c.done()
	signature, _ := f.signature()
	f.done()
	asm.addType(signature)
}

// signature takes (param …) and (result …) lists, and the names of the parameters.
func (c *cursor) signature() (wasm.FuncType, map[string]uint32) {
	var f wasm.FuncType
	names := space{}
	for l := c.list("param"); l != nil; l = c.list("param") {
		f.Params = c.asm.values(l, f.Params, &names)
	}
	for l := c.list("result"); l != nil; l = c.list("result") {
		for l.peek() != nil {
			f.Results = append(f.Results, l.valueType())
		}
	}
	return f, names.names
}

// values takes the types of parameters or locals: one that is named, or any number.
func (asm *assembler) values(l *cursor, types []wasm.ValueType, names *space) []wasm.ValueType {
	if n := l.peek(); n != nil && n.kind == name {
		asm.declare(names, l, "parameter or local")
		types = append(types, l.valueType())
		l.done()
		return types
	}
	for l.peek() != nil {
		types = append(types, l.valueType())
		names.count++
	}
	return types
}

// valueType takes the type of a value.
func (c *cursor) valueType() wasm.ValueType {
	n := c.next("a type of values")
	switch n.text {
	case "i32":
		return wasm.I32
	case "i64":
		return wasm.I64
	case "f32":
		return wasm.F32
	case "f64":
		return wasm.F64
	case "v128":
		return wasm.V128
	case "funcref":
		return wasm.FuncRef
	case "externref":
		return wasm.ExternRef
	}
	c.asm.fail(n.offset, "%s is not a type of values", n.describe())
	return 0
}

// reference takes a type of references if one follows, else returns 0.
func (asm *assembler) reference(c *cursor) wasm.ValueType {
	switch {
	case c.keyword("funcref"):
		return wasm.FuncRef
	case c.keyword("externref"):
		return wasm.ExternRef
	}
	return 0
}

// typeUse takes (type $t) and a signature, of which either may be left out, and
// returns the type's index and the names of parameters. Types that the text does
// not define follow after those that it does.
func (c *cursor) typeUse() (uint32, map[string]uint32) {
	l := c.list("type")
	if l == nil {
		signature, params := c.signature()
		return c.asm.typeIndex(signature), params
	}
	index := l.index(c.asm.types.names, "type")
	l.done()
	signature, params := c.signature()
	if len(signature.Params)+len(signature.Results) > 0 && signatureKey(signature) != signatureKey(c.asm.typeAt(index)) {
		c.asm.fail(l.offset, "the parameters and results differ from those of the type that is named")
	}
	return index, params
}

// typeAt returns a type; one without parameters and results if there is none such.
func (asm *assembler) typeAt(index uint32) wasm.FuncType {
	if uint64(index) < uint64(len(asm.module.Types)) {
		return asm.module.Types[index]
	}
	return wasm.FuncType{}
}

// addType adds a type. The first of several equal ones is what uses without a
// name stand for.
func (asm *assembler) addType(f wasm.FuncType) uint32 {
	index := uint32(len(asm.module.Types))
	asm.module.Types = append(asm.module.Types, f)
	if asm.signatures == nil {
		asm.signatures = make(map[string]uint32)
	}
	if key := signatureKey(f); asm.signatures[key] == 0 {
		asm.signatures[key] = index + 1
	}
	return index
}

// typeIndex returns the index of a type, adding it if the module has none such.
func (asm *assembler) typeIndex(f wasm.FuncType) uint32 {
	if next := asm.signatures[signatureKey(f)]; next > 0 {
		return next - 1
	}
	return asm.addType(f)
}

func signatureKey(f wasm.FuncType) string {
	key := make([]byte, 0, len(f.Params)+1+len(f.Results))
	for _, t := range f.Params {
		key = append(key, byte(t))
	}
	key = append(key, 0)
	for _, t := range f.Results {
		key = append(key, byte(t))
	}
	return string(key)
}
