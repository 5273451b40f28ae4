package wat

import (
	"encoding/binary"
	"strings"

	"github.com/postern-dev/postern/host/sandbox/wasm"
)

// immediates takes what follows an instruction's name, as the one table of
// instructions says, into the fields of ins.
func (b *body) immediates(c *cursor, ins *wasm.Instruction) {
	asm := b.asm
	switch ins.Op.Immediate() {
	case wasm.ImmediateBlockType:
		ins.Block = b.blockType(c)
	case wasm.ImmediateLabel:
		ins.Index = b.label(c)
	case wasm.ImmediateLabelTable:
		ins.Targets = []uint32{b.label(c)}
		for c.isIndex() {
			ins.Targets = append(ins.Targets, b.label(c))
		}
	case wasm.ImmediateFunction:
		ins.Index = c.index(asm.functions.names, "function")
	case wasm.ImmediateLocal:
		ins.Index = c.index(b.locals.names, "parameter or local")
	case wasm.ImmediateGlobal:
		ins.Index = c.index(asm.globals.names, "global")
	case wasm.ImmediateTable:
		ins.Index = c.optional(asm.tables.names, "table")
	case wasm.ImmediateElement:
		ins.Index = c.index(asm.elements.names, "element segment")
	case wasm.ImmediateData:
		ins.Index = c.index(asm.data.names, "data segment")
		asm.usesData = true
	case wasm.ImmediateDataMemory:
		ins.Index = c.index(asm.data.names, "data segment")
		asm.usesData = true
	case wasm.ImmediateTypeTable:
		ins.Index2 = c.optional(asm.tables.names, "table")
		ins.Index, _ = c.typeUse()
	case wasm.ImmediateTableTable:
		ins.Index = c.optional(asm.tables.names, "table")
		ins.Index2 = c.optional(asm.tables.names, "table")
	case wasm.ImmediateElementTable:
		b.elementTable(c, ins)
	case wasm.ImmediateMemoryArgument:
		memoryArgument(c, ins)
	case wasm.ImmediateMemoryLane:
		memoryArgument(c, ins)
		ins.Lane = c.lane()
	case wasm.ImmediateLane:
		ins.Lane = c.lane()
	case wasm.ImmediateReferenceType:
		ins.Type = heapType(c)
	case wasm.ImmediateNone, wasm.ImmediateMemory, wasm.ImmediateMemoryMemory:
		if ins.Op == wasm.OpSelect {
			typedSelect(c, ins)
		}
	default:
		constant(c, ins)
	}
}

// optional takes an index if one follows; else it is 0.
func (c *cursor) optional(names map[string]uint32, wanted string) uint32 {
	if c.isIndex() {
		return c.index(names, wanted)
	}
	return 0
}

// elementTable takes the indices of table.init. The text has the table first, and
// may leave it out; the binary has it last.
func (b *body) elementTable(c *cursor, ins *wasm.Instruction) {
	if len(c.items) > 1 && (c.items[1].kind == name || c.items[1].kind == word && isDecimal(c.items[1].text[0])) {
		ins.Index2 = c.index(b.asm.tables.names, "table")
	}
	ins.Index = c.index(b.asm.elements.names, "element segment")
}

// typedSelect turns a select with a result into the instruction that has one.
func typedSelect(c *cursor, ins *wasm.Instruction) {
	l := c.list("result")
	if l == nil {
		return
	}
	ins.Op, ins.Type = wasm.OpSelectTyped, l.valueType()
	l.done()
}

// heapType takes what ref.null refers to nothing of.
func heapType(c *cursor) wasm.ValueType {
	switch n := c.next("func or extern"); n.text {
	case "func":
		return wasm.FuncRef
	case "extern":
		return wasm.ExternRef
	default:
		c.asm.fail(n.offset, "%s is not what a reference can be to: func or extern", n.describe())
		return 0
	}
}

// memoryArgument takes offset= and align=, each of which may be left out.
func memoryArgument(c *cursor, ins *wasm.Instruction) {
	ins.Align = ins.Op.NaturalAlignment()
	if value, n := c.assignment("offset="); n != nil {
		offset, ok := parseUnsigned(value, 32)
		if !ok {
			c.asm.fail(n.offset, "%s is not an offset of 32 bits", n.text)
		}
		ins.Offset = uint32(offset)
	}
	if value, n := c.assignment("align="); n != nil {
		align, ok := alignment(value)
		if !ok {
			c.asm.fail(n.offset, "%s is not a power of two", n.text)
		}
		ins.Align = align
	}
}

// assignment takes the next item if it is a word with this prefix.
func (c *cursor) assignment(prefix string) (string, *node) {
	n := c.peek()
	if n == nil || n.kind != word || !strings.HasPrefix(n.text, prefix) {
		return "", nil
	}
	c.items = c.items[1:]
	return n.text[len(prefix):], n
}

func (c *cursor) lane() uint8 { return uint8(c.integer(8)) }

// integer takes a number of width bits and returns it sign-extended.
func (c *cursor) integer(width int) int64 {
	n := c.next("a number")
	value, ok := parseInteger(n.text, width)
	if n.kind != word || !ok {
		c.asm.fail(n.offset, "%s is not an integer of %d bits", n.describe(), width)
	}
	return value
}

// float takes a floating-point number of width bits and returns its bits.
func (c *cursor) float(width int) uint64 {
	n := c.next("a number")
	value, ok := parseFloat(n.text, width)
	if n.kind != word || !ok {
		c.asm.fail(n.offset, "%s is not a floating-point number of %d bits", n.describe(), width)
	}
	return value
}

// constant takes the value of a constant, or the lanes of a shuffle.
func constant(c *cursor, ins *wasm.Instruction) {
	switch ins.Op.Immediate() {
	case wasm.ImmediateI32:
		ins.Value = uint64(c.integer(32))
	case wasm.ImmediateI64:
		ins.Value = uint64(c.integer(64))
	case wasm.ImmediateF32:
		ins.Value = c.float(32)
	case wasm.ImmediateF64:
		ins.Value = c.float(64)
	case wasm.ImmediateLanes:
		ins.Value, ins.High = lanes(16, func() uint64 { return uint64(c.lane()) })
	case wasm.ImmediateV128:
		vector(c, ins)
	}
}

// vector takes the shape of a vector and the values of its lanes.
func vector(c *cursor, ins *wasm.Instruction) {
	n := c.next("the shape of a vector")
	integers := func(width int) func() uint64 { return func() uint64 { return uint64(c.integer(width)) } }
	floats := func(width int) func() uint64 { return func() uint64 { return c.float(width) } }
	switch n.text {
	case "i8x16":
		ins.Value, ins.High = lanes(16, integers(8))
	case "i16x8":
		ins.Value, ins.High = lanes(8, integers(16))
	case "i32x4":
		ins.Value, ins.High = lanes(4, integers(32))
	case "i64x2":
		ins.Value, ins.High = lanes(2, integers(64))
	case "f32x4":
		ins.Value, ins.High = lanes(4, floats(32))
	case "f64x2":
		ins.Value, ins.High = lanes(2, floats(64))
	default:
		c.asm.fail(n.offset, "%s is not the shape of a vector; those are i8x16, i16x8, i32x4, i64x2, f32x4 and f64x2", n.describe())
	}
}

// lanes packs count values in the 16 bytes of a vector, lowest first.
func lanes(count int, next func() uint64) (low, high uint64) {
	var vector [16]byte
	size := len(vector) / count
	for i := range count {
		var value [8]byte
		binary.LittleEndian.PutUint64(value[:], next())
		copy(vector[i*size:], value[:size])
	}
	return binary.LittleEndian.Uint64(vector[:8]), binary.LittleEndian.Uint64(vector[8:])
}
