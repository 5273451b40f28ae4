package wasm

// BlockType is the type of a block, loop or if: empty, one result, or the index of
// a function type. It is encoded as a signed number of 33 bits.
type BlockType int64

// EmptyBlock takes nothing and gives nothing.
const EmptyBlock BlockType = -64

// ResultBlock is the type of a block that takes nothing and gives one value.
func ResultBlock(t ValueType) BlockType { return BlockType(int8(t<<1) >> 1) }

// IndexedBlock is the type of a block that takes and gives what a function type says.
func IndexedBlock(typeIndex uint32) BlockType { return BlockType(typeIndex) }

// TypeIndex gives the function type's index, if the type is given by one.
func (b BlockType) TypeIndex() (uint32, bool) { return uint32(b), b >= 0 }

// Result gives the single result, if the type is given by it.
func (b BlockType) Result() (ValueType, bool) {
	t := ValueType(b & 0x7f)
	return t, b < 0 && b >= EmptyBlock && t.valid()
}

// Instruction is one instruction. Which fields have a meaning is told by
// Op.Immediate; the others are zero.
type Instruction struct {
	Op Op
	// Start and End are where its bytes begin and end in the body.
	Start, End int
	// Index is the one index, or the first of two.
	Index  uint32
	Index2 uint32
	Block  BlockType
	// Targets are the labels of a br_table, the last one the default. Next fills
	// the same memory again.
	Targets []uint32
	// Value holds constants: i32 and i64 extended by their sign, f32 and f64 as
	// bits, the low half of a v128 or of the lanes of a shuffle.
	Value uint64
	High  uint64
	// Align is the binary logarithm of the stated alignment, Offset in bytes.
	Align, Offset uint32
	Lane          uint8
	Type          ValueType
}

// Instructions reads the instructions of a body one after another. It checks how
// each is encoded, by itself: opcodes, numbers, alignments, lanes and types. What
// depends on others (indices, nesting) is checked by Read.
type Instructions struct {
	cursor cursor
}

// NewInstructions reads a body, which it neither copies nor changes.
func NewInstructions(body []byte) Instructions {
	return Instructions{cursor{data: body}}
}

// Err tells why Next stopped before the end of the body: a *SyntaxError with an
// offset into the body, nil at the end. It is always nil for a body that came
// from Read.
func (r *Instructions) Err() error { return r.cursor.failed }

// Next reads an instruction into ins and tells whether there was one. It allocates
// nothing, but for the targets of a br_table when they outgrow ins.Targets.
func (r *Instructions) Next(ins *Instruction) bool {
	c := &r.cursor
	if c.pos >= len(c.data) {
		return false
	}
	*ins = Instruction{Start: c.pos, Targets: ins.Targets[:0]}
	b := c.data[c.pos]
	c.pos++
	o := &plainOperations[b]
	ins.Op = Op(b)
	if o.immediate == 0 {
		if o = r.prefixed(ins, b); o == nil {
			return false
		}
	}
	switch o.immediate {
	case ImmediateNone:
	case ImmediateLabel, ImmediateFunction, ImmediateLocal, ImmediateGlobal, ImmediateTable, ImmediateElement, ImmediateData:
		ins.Index = c.uint32()
	case ImmediateMemoryArgument:
		r.memoryArgument(ins, o)
	case ImmediateI32:
		ins.Value = uint64(c.signed(32))
	case ImmediateI64:
		ins.Value = uint64(c.signed(64))
	case ImmediateBlockType:
		ins.Block = r.blockType()
	default:
		r.rare(ins, o)
	}
	ins.End = c.pos
	return c.failed == nil
}

// prefixed reads the rest of an opcode whose first byte is no instruction.
func (r *Instructions) prefixed(ins *Instruction, prefix byte) *operation {
	c := &r.cursor
	switch prefix {
	case prefixMisc:
		if n := c.uint32(); c.failed == nil {
			if n < uint32(len(miscOperations)) {
				ins.Op = miscOps | Op(n)
				return &miscOperations[n]
			}
			c.fail(ins.Start, "no instruction of WebAssembly 2.0 has the opcode 0xfc %#x", n)
		}
	case prefixVector:
		// The engine takes the byte behind the prefix for the opcode and a second
		// one, which is 1 in the shortest form, for a nop. A longer form would be
		// other instructions for it than for us, so it is refused.
		n := c.byte()
		if n >= 0x80 && c.byte() != 1 || c.failed != nil {
			c.fail(ins.Start, "the opcode behind 0xfd is not in its shortest form, or none of WebAssembly 2.0")
			return nil
		}
		if o := &vectorOperations[n]; o.immediate != 0 {
			ins.Op = vectorOps | Op(n)
			return o
		}
		c.fail(ins.Start, "no instruction of WebAssembly 2.0 has the opcode 0xfd %#x", n)
	default:
		c.fail(ins.Start, "no instruction of WebAssembly 2.0 has the opcode %#x", prefix)
	}
	return nil
}

// rare reads the immediates that instructions seldom have.
func (r *Instructions) rare(ins *Instruction, o *operation) {
	c := &r.cursor
	switch o.immediate {
	case ImmediateLabelTable:
		r.labelTable(ins)
	case ImmediateTypeTable, ImmediateTableTable, ImmediateElementTable:
		ins.Index = c.uint32()
		ins.Index2 = c.uint32()
	case ImmediateDataMemory:
		ins.Index = c.uint32()
		r.memory()
	case ImmediateMemory:
		r.memory()
	case ImmediateMemoryMemory:
		r.memory()
		r.memory()
	case ImmediateMemoryLane:
		r.memoryArgument(ins, o)
		ins.Lane = r.lane(vectorBytes >> o.width)
	case ImmediateLane:
		ins.Lane = r.lane(vectorBytes >> o.width)
	case ImmediateLanes:
		r.lanes(ins)
	case ImmediateF32:
		ins.Value = uint64(c.little4())
	case ImmediateF64:
		ins.Value = c.little8()
	case ImmediateV128:
		ins.Value = c.little8()
		ins.High = c.little8()
	case ImmediateValueType:
		if n := c.byte(); n != 1 && c.failed == nil {
			c.fail(c.pos-1, "select has %d types; it must have one", n)
		}
		ins.Type = c.valueType()
	case ImmediateReferenceType:
		ins.Type = c.referenceType()
	}
}

func (r *Instructions) blockType() BlockType {
	c := &r.cursor
	start := c.pos
	b := BlockType(c.signed(33))
	if b >= 0 || b == EmptyBlock && c.pos == start+1 {
		return b
	}
	if _, ok := b.Result(); !ok || c.pos != start+1 {
		c.fail(start, "this is no type of a block")
	}
	return b
}

func (r *Instructions) labelTable(ins *Instruction) {
	c := &r.cursor
	start := c.pos
	n := uint64(c.uint32()) + 1 // the default
	if n > uint64(c.left()) {
		c.fail(start, "br_table names %d labels, but %d bytes are left", n, c.left())
		return
	}
	for range n {
		ins.Targets = append(ins.Targets, c.uint32())
	}
}

func (r *Instructions) memoryArgument(ins *Instruction, o *operation) {
	c := &r.cursor
	start := c.pos
	ins.Align = c.uint32()
	ins.Offset = c.uint32()
	if ins.Align > uint32(o.width) {
		c.fail(start, "%s states an alignment of 2^%d bytes; the largest is 2^%d", o.name, ins.Align, o.width)
	}
}

// memory reads the index of the one memory that there may be: one byte, zero.
func (r *Instructions) memory() {
	if c := &r.cursor; c.byte() != 0 {
		c.fail(c.pos-1, "the memory's index must be one byte, zero")
	}
}

func (r *Instructions) lane(lanes uint8) uint8 {
	c := &r.cursor
	n := c.byte()
	if n >= lanes {
		c.fail(c.pos-1, "lane %d of a vector with %d lanes", n, lanes)
	}
	return n
}

// lanes reads the lanes of a shuffle, which choose among those of two vectors.
func (r *Instructions) lanes(ins *Instruction) {
	c := &r.cursor
	for i, lane := range c.bytes(vectorBytes) {
		if lane >= 2*vectorBytes {
			c.fail(c.pos-vectorBytes+i, "lane %d of two vectors with %d lanes together", lane, 2*vectorBytes)
			return
		}
	}
	if c.failed == nil {
		c.pos -= vectorBytes
		ins.Value = c.little8()
		ins.High = c.little8()
	}
}
