package wat

import (
	"slices"

	"github.com/postern-dev/postern/host/sandbox/wasm"
)

// body is the instructions of a function, or of a constant expression, while they
// are assembled.
type body struct {
	asm    *assembler
	code   []byte
	locals space
	// labels are those around the present place, outermost first, "" for one
	// without a name. The function's own has none.
	labels []string
}

// sequence assembles instructions up to the end of the list. Plain ones open and
// close their blocks by themselves; folded ones are lists.
func (b *body) sequence(c *cursor) {
	outside := len(b.labels)
	var open []wasm.Op
	for n := c.peek(); n != nil; n = c.peek() {
		switch {
		case n.kind == list:
			c.next("an instruction")
			b.folded(b.asm.cursor(n))
		case n.kind == word && n.text == "end" && len(open) > 0:
			c.next("end")
			b.closingLabel(c)
			open = open[:len(open)-1]
			b.end()
		case n.kind == word && n.text == "else" && len(open) > 0 && open[len(open)-1] == wasm.OpIf:
			c.next("else")
			b.closingLabel(c)
			open[len(open)-1] = wasm.OpElse
			b.emit(&wasm.Instruction{Op: wasm.OpElse})
		default:
			ins := b.instruction(c)
			if ins.Op.Immediate() == wasm.ImmediateBlockType {
				open = append(open, ins.Op)
			}
			b.emit(&ins)
		}
	}
	if len(open) > 0 {
		b.asm.fail(c.offset, "%s has no end in this list", open[len(open)-1])
	}
	b.labels = b.labels[:min(outside, len(b.labels))]
}

func (b *body) emit(ins *wasm.Instruction) {
	if b.asm.problem == nil {
		b.code = wasm.AppendInstruction(b.code, ins)
	}
}

// end closes the innermost block.
func (b *body) end() {
	b.labels = b.labels[:len(b.labels)-1]
	b.emit(&wasm.Instruction{Op: wasm.OpEnd})
}

// closingLabel takes the label that may follow else and end, to say whose they are.
func (b *body) closingLabel(c *cursor) {
	n := c.peek()
	if label := c.name(); label != "" && label != b.labels[len(b.labels)-1] {
		b.asm.fail(n.offset, "the innermost block is not $%s", label)
	}
}

// folded assembles (op immediates operands), where the operands come first.
func (b *body) folded(c *cursor) {
	ins := b.instruction(c)
	switch ins.Op {
	case wasm.OpBlock, wasm.OpLoop:
		b.emit(&ins)
		b.sequence(c)
		b.end()
		return
	case wasm.OpIf:
		b.foldedIf(c, &ins)
		return
	}
	for operand := c.peek(); operand != nil; operand = c.peek() {
		if operand.kind != list {
			break
		}
		c.next("an operand")
		b.folded(b.asm.cursor(operand))
	}
	c.done()
	b.emit(&ins)
}

// foldedIf assembles (if condition… (then …) (else …)).
func (b *body) foldedIf(c *cursor, ins *wasm.Instruction) {
	label := b.labels[len(b.labels)-1]
	b.labels = b.labels[:len(b.labels)-1]
	for n := c.peek(); n != nil && n.kind == list && n.head() != "then"; n = c.peek() {
		c.next("a condition")
		b.folded(b.asm.cursor(n))
	}
	b.labels = append(b.labels, label)
	b.emit(ins)
	then := c.list("then")
	if then == nil {
		b.asm.fail(c.offset, "an if that is folded has the form (if … (then …) (else …))")
		return
	}
	b.sequence(then)
	if otherwise := c.list("else"); otherwise != nil {
		b.emit(&wasm.Instruction{Op: wasm.OpElse})
		b.sequence(otherwise)
	}
	c.done()
	b.end()
}

// instruction takes an instruction's name and immediates. That of a block also
// opens its label.
func (b *body) instruction(c *cursor) wasm.Instruction {
	n := c.next("an instruction")
	op, ok := b.asm.lookup(n)
	switch {
	case op == wasm.OpElse || op == wasm.OpEnd:
		b.asm.fail(n.offset, "no block in this list is there for this %s", op)
		return wasm.Instruction{Op: wasm.OpNop}
	case !ok:
		b.asm.fail(n.offset, "%s is not an instruction of WebAssembly 2.0", n.describeHead())
		return wasm.Instruction{Op: wasm.OpNop}
	}
	ins := wasm.Instruction{Op: op}
	b.immediates(c, &ins)
	return ins
}

// lookup finds an instruction by its name.
func (asm *assembler) lookup(n *node) (wasm.Op, bool) {
	if n.kind != word {
		return 0, false
	}
	op, ok := asm.operations[n.text]
	if !ok {
		if op, ok = wasm.Lookup(n.text); !ok {
			return 0, false
		}
		if asm.operations == nil {
			asm.operations = make(map[string]wasm.Op)
		}
		asm.operations[n.text] = op
	}
	return op, true
}

// blockType opens a label and takes a block's type.
func (b *body) blockType(c *cursor) wasm.BlockType {
	b.labels = append(b.labels, c.name())
	if n := c.peek(); n != nil && n.head() == "type" {
		index, _ := c.typeUse()
		return wasm.IndexedBlock(index)
	}
	signature, names := c.signature()
	if len(names) > 0 {
		b.asm.fail(c.offset, "parameters of blocks have no names")
	}
	switch {
	case len(signature.Params) > 0 || len(signature.Results) > 1:
		return wasm.IndexedBlock(b.asm.typeIndex(signature))
	case len(signature.Results) == 1:
		return wasm.ResultBlock(signature.Results[0])
	}
	return wasm.EmptyBlock
}

// label takes a label: the number of blocks outwards, or a name.
func (b *body) label(c *cursor) uint32 {
	n := c.peek()
	if n == nil || n.kind != name {
		return c.unsigned("a label")
	}
	c.next("a label")
	for i, label := range slices.Backward(b.labels) {
		if label == n.text {
			return uint32(len(b.labels) - 1 - i)
		}
	}
	b.asm.fail(n.offset, "no block around this is labelled $%s", n.text)
	return 0
}
