package wat

import "github.com/postern-dev/postern/host/sandbox/wasm"

// Assemble translates one module, (module …) or its fields alone, to the binary
// format. The error is an [*Error].
func Assemble(source []byte) ([]byte, error) {
	if len(source) > maxText {
		return nil, problemAt(0, "the text has %d bytes; at most %d are assembled", len(source), maxText).locate("")
	}
	written := string(source)
	root, p := parse(written)
	if p != nil {
		return nil, p.locate(written)
	}
	asm := assembler{module: &wasm.Module{}}
	binary := asm.assemble(asm.cursor(root))
	if asm.problem != nil {
		return nil, asm.problem.locate(written)
	}
	return binary, nil
}

// assembler holds one module while its fields are read twice: to count and name
// what they declare, then to define it.
type assembler struct {
	problem *problem // the first
	module  *wasm.Module
	// names of the things of each kind, and how many there are.
	types, functions, tables, memories, globals, elements, data space
	// signatures has, by its key, one more than the index of the first type of each signature.
	signatures map[string]uint32
	// defined is set by the first field that defines one of what can be imported:
	// imports come before, so that they have the lowest indices.
	defined bool
	// operations keeps the instructions that were looked up.
	operations map[string]wasm.Op
	// bytes is how much strings have added to the module.
	bytes int
	// usesData is set by instructions that ask for a data count section.
	usesData bool
}

// space is an index space: how many things it has and how they are named.
type space struct {
	names map[string]uint32
	count uint32
	// defined counts those that the second reading has come to.
	defined uint32
}

// take returns the index of the next thing that the second reading comes to.
func (s *space) take() uint32 {
	s.defined++
	return s.defined - 1
}

func (asm *assembler) fail(offset int, format string, args ...any) {
	if asm.problem == nil {
		asm.problem = problemAt(offset, format, args...)
	}
}

// declare gives the next index of s to a thing that is named id, or not at all.
func (asm *assembler) declare(s *space, c *cursor, what string) uint32 {
	if n := c.peek(); n != nil && n.kind == name {
		c.items = c.items[1:]
		if _, twice := s.names[n.text]; twice {
			asm.fail(n.offset, "another %s is named $%s", what, n.text)
		}
		if s.names == nil {
			s.names = make(map[string]uint32)
		}
		s.names[n.text] = s.count
	}
	s.count++
	return s.count - 1
}

func (asm *assembler) assemble(root *cursor) []byte {
	c := root
	if module := root.list("module"); module != nil {
		root.done()
		c = module
		c.name()
		if c.keyword("binary") {
			binary := c.bytes()
			c.done()
			return binary
		}
	}
	fields := c.items
	for _, field := range fields {
		asm.declareField(field)
	}
	for _, field := range fields {
		asm.defineField(field)
	}
	if asm.problem != nil {
		return nil
	}
	asm.module.DataCount = asm.usesData
	return asm.module.Bytes()
}

// field returns a cursor over what follows the head of a module's field.
func (asm *assembler) field(n *node) *cursor {
	if n.kind != list {
		asm.fail(n.offset, "%s is not a field of a module", n.describe())
		return asm.cursor(&node{offset: n.offset})
	}
	c := asm.cursor(n)
	c.expect(word, "a field of a module")
	return c
}
