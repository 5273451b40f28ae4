package weave

import (
	"slices"

	"github.com/postern-dev/postern/host/sandbox/wasm"
)

// label is a construct that is open while a body is woven.
type label struct {
	// level is how many labels stand around what a branch to this one leaves, and
	// so what its index is counted from: constructs are woven in between.
	level int
	// tight is the tight loop that this is, or nil.
	tight *tightLoop
}

// body weaves one function after another.
type body struct {
	*weaver
	assembly
	// source is the function as it came; what of it is before done is woven.
	source []byte
	done   int
	ins    wasm.Instruction
	labels []label
	// constant is the last i32.const.
	constant constant
	// level is how many labels stand around the next instruction, the function's own
	// not counted.
	level int
	// points, tight and jumps are what of the plan is to come.
	points []point
	tight  []tightLoop
	jumps  []jump
	// frame is how many bytes of the stack the function counts, 0 if it counts none.
	frame int64
	// held tells that the fuel is held in a local while the function runs, which is
	// then balance.
	held    bool
	balance uint32
}

// weave appends the woven function to the code.
//
// A function that has something to do at its end must come by there whatever way it
// takes: so its code stands within one more block, and return is a branch to that.
func (b *body) weave(code *wasm.Code, t uint32, plan *plan, frame int64) {
	b.points, b.tight, b.jumps = plan.points, plan.tight, plan.jumps
	b.source, b.done = code.Body, 0
	b.constant.end = none
	b.labels, b.level, b.frame = b.labels[:0], 0, frame
	b.held = plan.hold()
	if b.held {
		b.balance = b.locals(code, t)
		code.Locals = append(slices.Clip(code.Locals), wasm.Local{Count: 1, Type: wasm.I64})
		b.take()
	}
	b.pay()
	if frame > 0 {
		b.enter()
	}
	if b.wrapped() {
		b.open(wasm.OpBlock, b.resultBlock(t))
		b.level = 1
	}
	b.labels = append(b.labels, label{level: b.level})
	instructions := wasm.NewInstructions(code.Body)
	for instructions.Next(&b.ins) {
		if len(b.points) > 0 && b.points[0].at == b.ins.Start {
			b.flush(b.ins.Start)
			b.pay()
		}
		b.instruction()
	}
	b.flush(len(b.source))
}

func (b *body) wrapped() bool { return b.frame > 0 || b.held }

// locals counts the locals of a function, parameters included.
func (w *weaver) locals(code *wasm.Code, t uint32) uint32 {
	n := uint32(len(w.module.Types[t].Params))
	for _, l := range code.Locals {
		n += l.Count
	}
	return n
}

// flush appends the source up to the given place as it is.
func (b *body) flush(to int) {
	b.code = append(b.code, b.source[b.done:to]...)
	b.done = to
}

// replace appends the source up to the instruction, which is left out.
func (b *body) replace() {
	b.flush(b.ins.Start)
	b.done = b.ins.End
}

// after appends the source up to the end of the instruction.
func (b *body) after() { b.flush(b.ins.End) }

// take takes the fuel from where all functions find it into the function's local.
func (b *body) take() {
	if b.held {
		b.load(b.fuel).set(b.balance)
	}
}

// give gives the fuel back.
func (b *body) give() {
	if b.held {
		b.get(b.balance).store(b.fuel)
	}
}

// pay weaves the charge points that stand here.
func (b *body) pay() {
	for at := b.points[0].at; len(b.points) > 0 && b.points[0].at == at; b.points = b.points[1:] {
		b.charge(b.points[0].cost)
		if b.points[0].check {
			b.check()
		}
	}
}

// charge takes from the fuel.
func (b *body) charge(cost uint64) {
	switch {
	case cost == 0:
	case b.held:
		b.get(b.balance).i64(int64(cost)).op(wasm.OpI64Sub).set(b.balance)
	default:
		b.load(b.fuel).i64(int64(cost)).op(wasm.OpI64Sub).store(b.fuel)
	}
}

// check asks for more fuel if none is left.
func (b *body) check() {
	if !b.held {
		b.weaver.check(&b.assembly)
		return
	}
	// This shape has the engine put the call aside, and the values that are in
	// registers stay there on the way that is nearly always taken.
	b.open(wasm.OpBlock, wasm.EmptyBlock).open(wasm.OpBlock, wasm.EmptyBlock)
	b.get(b.balance).i64(0).op(wasm.OpI64LtS).with(wasm.OpBrIf, 0).with(wasm.OpBr, 1).end()
	b.get(b.balance).call(b.refuel).set(b.balance).end()
}

// enter counts the function's frame, and ends the guest when there is no more room.
func (b *body) enter() {
	b.load(b.stack).i64(b.frame).op(wasm.OpI64Sub).store(b.stack)
	b.load(b.stack).i64(0).op(wasm.OpI64LtS).open(wasm.OpIf, wasm.EmptyBlock).call(b.overflow).end()
}

// leave closes the block around the function's code, and does what is due at the end.
func (b *body) leave() {
	b.end()
	if b.frame > 0 {
		b.load(b.stack).i64(b.frame).op(wasm.OpI64Add).store(b.stack)
	}
	b.give()
}

// callHelper weaves a call of a woven function in place of the instruction.
func (b *body) callHelper(h helper) {
	b.replace()
	b.give()
	b.call(b.helper(h))
	b.take()
}

func (b *body) instruction() {
	switch ins := &b.ins; ins.Op {
	case wasm.OpBlock, wasm.OpLoop, wasm.OpIf:
		b.begin()
	case wasm.OpEnd:
		b.close()
	case wasm.OpBr, wasm.OpBrIf:
		b.branch()
	case wasm.OpBrTable:
		b.branchTable()
	case wasm.OpReturn:
		if b.wrapped() {
			b.replace()
			b.with(wasm.OpBr, uint32(b.level-1))
		}
	case wasm.OpCall:
		b.replace()
		b.give()
		b.call(b.shift(ins.Index))
		b.take()
	case wasm.OpCallIndirect:
		b.flush(ins.Start)
		b.give()
		b.after()
		b.take()
	case wasm.OpRefFunc:
		b.replace()
		b.with(ins.Op, b.shift(ins.Index))
	case wasm.OpGlobalSet:
		if !numeric(b.globals[ins.Index]) {
			b.touch()
		}
	case wasm.OpTableSet, wasm.OpElemDrop:
		b.touch()
	case wasm.OpI32Const:
		b.constant = constant{ins.End, uint32(ins.Value)}
	case wasm.OpMemoryFill, wasm.OpMemoryCopy:
		if !b.constant.isLength(ins) {
			b.callHelper(helper{op: ins.Op})
		}
	case wasm.OpMemoryGrow, wasm.OpTableFill, wasm.OpTableCopy, wasm.OpTableInit, wasm.OpTableGrow:
		b.callHelper(helper{op: ins.Op, index: ins.Index, index2: ins.Index2})
	case wasm.OpMemoryInit, wasm.OpDataDrop:
		b.data()
	}
}

// touch notes that the instruction changes what a reset cannot restore.
func (b *body) touch() {
	b.after()
	b.i32(1).store(b.touched)
}

// data weaves memory.init and data.drop. A segment that was active is empty by the
// time that the guest can name it.
func (b *body) data() {
	ins := &b.ins
	active := b.formerlyActive(ins.Index)
	switch {
	case ins.Op == wasm.OpDataDrop && active:
		b.replace()
	case ins.Op == wasm.OpDataDrop:
		b.replace()
		b.with(ins.Op, b.segment(ins.Index)).i32(1).store(b.touched)
	case active:
		b.replace()
		b.with(ins.Op, b.emptySegment(), 0)
	case b.constant.isLength(ins):
		b.replace()
		b.with(ins.Op, b.segment(ins.Index), 0)
	default:
		b.callHelper(helper{op: ins.Op, index: ins.Index})
	}
}

// begin weaves the beginning of a construct.
func (b *body) begin() {
	b.level++
	l := label{}
	if len(b.tight) > 0 && b.tight[0].at == b.ins.Start {
		l.tight = &b.tight[0]
		b.tight = b.tight[1:]
		b.beginTight()
	}
	l.level = b.level
	b.labels = append(b.labels, l)
}

// close weaves the end of a construct.
func (b *body) close() {
	l := b.labels[len(b.labels)-1]
	b.labels = b.labels[:len(b.labels)-1]
	switch {
	case len(b.labels) == 0:
		b.flush(b.ins.Start)
		if b.wrapped() {
			b.leave()
		}
		return
	case l.tight != nil:
		b.after()
		b.endTight()
		return
	}
	b.level--
}

// target gives the label that a branch names.
func (b *body) target(index uint32) *label { return &b.labels[len(b.labels)-1-int(index)] }

// index gives the index of a label from here.
func (b *body) index(l *label) uint32 { return uint32(b.level - l.level) }

func (b *body) branch() {
	ins := &b.ins
	l := b.target(ins.Index)
	if l.tight != nil {
		b.branchTight(l)
		return
	}
	if len(b.jumps) > 0 && b.jumps[0].at == ins.Start {
		l = &b.labels[b.jumps[0].label]
		b.jumps = b.jumps[1:]
	}
	if i := b.index(l); i != ins.Index {
		b.replace()
		b.with(ins.Op, i)
	}
}

func (b *body) branchTable() {
	changed := false
	for i, t := range b.ins.Targets {
		b.ins.Targets[i] = b.index(b.target(t))
		changed = changed || b.ins.Targets[i] != t
	}
	if changed {
		b.replace()
		b.code = wasm.AppendInstruction(b.code, &b.ins)
	}
}
