package wasm

// localsChunk is for how many declarations of locals memory is taken at once.
const localsChunk = 256

func (r *reader) readCodes() {
	start := r.pos
	n := r.count("function bodies", r.bounds.Functions, leastCode)
	if r.failed == nil && n != len(r.module.Functions) {
		r.fail(start, "%d functions are declared, but %d have code", len(r.module.Functions), n)
		return
	}
	codes := make([]Code, n)
	whole := r.data
	for i := range codes {
		size := r.count("bytes in a function body", r.bounds.BodyBytes, 1)
		end := r.pos + size
		if r.failed != nil {
			return
		}
		r.data = r.data[:end]
		r.readCode(&codes[i], r.module.Types[r.module.Functions[i]])
		if r.failed != nil {
			return
		}
		r.data = whole
		r.pos = end
	}
	r.module.Code = codes
}

func (r *reader) readCode(code *Code, t FuncType) {
	locals := uint64(len(t.Params))
	r.allLocals += locals
	n := r.count("declarations of locals", r.bounds.Locals, leastLocal)
	declarations := r.localsMemory(n)
	for range n {
		l := Local{Count: r.uint32(), Type: r.valueType()}
		locals += uint64(l.Count)
		r.allLocals += uint64(l.Count)
		declarations = append(declarations, l)
	}
	r.within("locals in a function", locals, r.bounds.Locals)
	if !r.within("locals in all functions", r.allLocals, r.bounds.AllLocals) {
		return
	}
	code.Locals = declarations
	code.Body = r.data[r.pos:len(r.data):len(r.data)]
	r.body.check(r, uint32(locals))
}

// localsMemory gives room for n declarations, from an allocation for many functions.
func (r *reader) localsMemory(n int) []Local {
	if n > cap(r.locals) {
		r.locals = make([]Local, max(n, localsChunk))
	}
	room := r.locals[:0:n]
	r.locals = r.locals[n:]
	return room
}

// body checks the instructions of a function. One is used for all functions, so
// that its memory is too.
type body struct {
	reader *reader
	ins    Instruction
	locals uint32
	// frames tells, for every block that is open, whether an else may come: the
	// function's own first.
	frames []frame
}

// frame is a kind of block, as far as nesting minds.
type frame uint8

const (
	frameBlock frame = iota
	frameIf
)

// check checks the body at the reader's cursor, which ends with it.
func (b *body) check(r *reader, locals uint32) {
	b.reader = r
	b.locals = locals
	b.frames = append(b.frames[:0], frameBlock)
	instructions := Instructions{r.cursor}
	ins := &b.ins
	for len(b.frames) > 0 && instructions.Next(ins) {
		b.instruction(ins)
		if r.failed != nil {
			return
		}
	}
	if err := instructions.Err(); err != nil {
		r.stop(err)
		return
	}
	r.pos = instructions.cursor.pos
	switch {
	case len(b.frames) > 0:
		r.fail(r.pos, "the function's body lacks %d ends", len(b.frames))
	case r.left() > 0:
		r.fail(r.pos, "the function's body goes on behind its end")
	}
}

func (b *body) instruction(ins *Instruction) {
	r := b.reader
	switch ins.Op.Immediate() {
	case ImmediateNone:
		b.plain(ins)
	case ImmediateLocal:
		b.exists("local", ins.Index, uint64(b.locals))
	case ImmediateGlobal:
		b.exists("global", ins.Index, uint64(len(r.globals)))
		b.global(ins)
	case ImmediateMemoryArgument, ImmediateMemoryLane, ImmediateMemory, ImmediateMemoryMemory:
		b.exists("memory", 0, uint64(r.memories))
	case ImmediateBlockType:
		b.open(ins)
	case ImmediateLabel:
		b.exists("label", ins.Index, uint64(len(b.frames)))
	case ImmediateLabelTable:
		b.labels(ins)
	case ImmediateFunction:
		b.exists("function", ins.Index, uint64(len(r.functions)))
		b.reference(ins)
	case ImmediateTypeTable:
		b.exists("type", ins.Index, uint64(len(r.module.Types)))
		b.exists("table", ins.Index2, uint64(len(r.tables)))
		b.indirect(ins)
	case ImmediateTable:
		b.exists("table", ins.Index, uint64(len(r.tables)))
	case ImmediateTableTable:
		b.exists("table", ins.Index, uint64(len(r.tables)))
		b.exists("table", ins.Index2, uint64(len(r.tables)))
		b.tableCopy(ins)
	case ImmediateElement:
		b.exists("element segment", ins.Index, uint64(len(r.module.Elements)))
	case ImmediateElementTable:
		b.exists("element segment", ins.Index, uint64(len(r.module.Elements)))
		b.exists("table", ins.Index2, uint64(len(r.tables)))
		b.tableInit(ins)
	case ImmediateData:
		b.data(ins)
	case ImmediateDataMemory:
		b.data(ins)
		b.exists("memory", 0, uint64(r.memories))
	}
}

// exists checks that what an index names is there.
func (b *body) exists(what string, index uint32, n uint64) {
	if uint64(index) >= n {
		b.fail("names %s %d, which does not exist; there are %d", what, index, n)
	}
}

// fail notes a problem of the instruction.
func (b *body) fail(format string, args ...any) {
	b.reader.fail(b.ins.Start, "%v "+format, append([]any{b.ins.Op}, args...)...)
}

// plain checks else and end.
func (b *body) plain(ins *Instruction) {
	last := len(b.frames) - 1
	switch ins.Op {
	case OpElse:
		if b.frames[last] != frameIf {
			b.fail("stands without an if")
		}
		b.frames[last] = frameBlock
	case OpEnd:
		b.frames = b.frames[:last]
	}
}

func (b *body) open(ins *Instruction) {
	if t, ok := ins.Block.TypeIndex(); ok {
		b.exists("type", t, uint64(len(b.reader.module.Types)))
	}
	kind := frameBlock
	if ins.Op == OpIf {
		kind = frameIf
	}
	b.reader.within("nested blocks", uint64(len(b.frames)), b.reader.bounds.Nesting)
	b.frames = append(b.frames, kind)
}

func (b *body) labels(ins *Instruction) {
	b.reader.within("labels in a br_table", uint64(len(ins.Targets)), b.reader.bounds.Labels)
	for _, label := range ins.Targets {
		b.exists("label", label, uint64(len(b.frames)))
	}
}

func (b *body) global(ins *Instruction) {
	if ins.Op == OpGlobalSet && b.reader.failed == nil && !b.reader.globals[ins.Index].Mutable {
		b.fail("names global %d, which is not mutable", ins.Index)
	}
}

func (b *body) indirect(ins *Instruction) {
	if r := b.reader; r.failed == nil && r.tables[ins.Index2].Type != FuncRef {
		b.fail("names table %d, which does not hold functions", ins.Index2)
	}
}

func (b *body) tableCopy(ins *Instruction) {
	r := b.reader
	if r.failed == nil && r.tables[ins.Index].Type != r.tables[ins.Index2].Type {
		b.fail("copies %v into a table of %v", r.tables[ins.Index2].Type, r.tables[ins.Index].Type)
	}
}

func (b *body) tableInit(ins *Instruction) {
	r := b.reader
	if r.failed == nil && r.tables[ins.Index2].Type != r.module.Elements[ins.Index].Type {
		b.fail("copies %v into a table of %v", r.module.Elements[ins.Index].Type, r.tables[ins.Index2].Type)
	}
}

func (b *body) reference(ins *Instruction) {
	if r := b.reader; ins.Op == OpRefFunc && r.failed == nil && (r.declared == nil || !r.declared[ins.Index]) {
		b.fail("names function %d, which no export, global or element segment declares", ins.Index)
	}
}

// data checks the index of a data segment. Code stands before data, so the count
// section must tell how many there are.
func (b *body) data(ins *Instruction) {
	if !b.reader.module.DataCount {
		b.fail("needs a data count section")
		return
	}
	b.exists("data segment", ins.Index, uint64(b.reader.dataCount))
}
