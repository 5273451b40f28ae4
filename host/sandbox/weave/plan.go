package weave

import "github.com/postern-dev/postern/host/sandbox/wasm"

const (
	// heavyArm is from which cost on an arm of an if is charged by itself, when it
	// is entered. What is cheaper is charged with the code before the if.
	heavyArm = 32
	// heavySegment is from which cost on a charge point also asks for more fuel.
	heavySegment = 256
	// longSegment is from which cost on the rest of a straight line gets a charge point
	// of its own: a line is native code that nothing interrupts, and where it touches
	// memory for the first time it takes microseconds for each instruction.
	longSegment = 4096
	// tightTurn is the most that a turn of a tight loop costs. For what takes longer
	// it does not matter how it is charged.
	tightTurn = 64
	// tightBranches is the most branches back to the head of a tight loop, as
	// each of them is charged by its own code.
	tightBranches = 4
)

// none stands for no charge point, case or loop.
const none = -1

// plan says where a function's body is charged, and how much.
type plan struct {
	// points are in the order of their places. The first one is the function's entry.
	points []point
	// tight are the tight loops, in their order.
	tight []tightLoop
	// jumps are the branches to a dispatch's loop that jump forwards, in their order.
	jumps []jump
	// given counts the places where control goes to another function, which must
	// find the fuel in its global.
	given int
	// calls tells whether such a function may be one of the module's own.
	calls bool
	values
}

// point is a charge point: a place in a body where something is taken from the fuel.
type point struct {
	// at is the offset in the body in front of which it stands.
	at    int
	cost  uint64
	check bool // ask for more fuel if none is left
}

// tightLoop is a loop that is small, innermost, and without calls. Its first turn is
// charged with the code before it, every other where a branch leads to it.
type tightLoop struct {
	at   int // the offset of its loop instruction
	cost uint64
}

// jump is a branch that goes to another label than it names.
type jump struct {
	at    int // its offset
	label int // how many labels stand around the one that it goes to
}

// unchecked is the most that the function charges, turns of loops aside, without
// asking for more fuel.
func (p *plan) unchecked() (cost uint64) {
	for i := range p.points {
		if !p.points[i].check {
			cost += p.points[i].cost
		}
	}
	return cost
}

// hold tells whether a function is to hold the fuel in a local. That saves two
// accesses to memory at every charge point but the first, and costs two at every
// call. What is in memory also makes a loop wait for its own last turn.
func (p *plan) hold() bool {
	n := 0
	for i := range p.points[1:] {
		if p.points[1+i].cost > 0 {
			n++
		}
	}
	return len(p.tight) > 0 || n > 0 && n >= p.given
}

// frame is a block, loop or if that is open while a body is planned.
type frame struct {
	op    wasm.Op
	block wasm.BlockType
	at    int
	// around is the charge point that pays for the code around the construct, start
	// the one at its beginning, or at its else.
	around, start int32
	// dead tells that the construct stands in code that is never reached.
	dead bool
	// table tells that a br_table leads to its label.
	table bool
	// loose tells that a loop cannot be tight.
	loose bool
	// branches are those to a loop's head.
	branches int
	// height is how many operands there are below those that the construct takes,
	// sets how often locals were set before it.
	height, sets int64
	// dispatch is the dispatch that the loop or block is part of, or none.
	dispatch int32
}

// planner makes plans. One is used for all functions, so that its memory is too.
type planner struct {
	plan
	imported uint32 // how many functions are imported
	types    []wasm.FuncType
	// functions are the types of all functions.
	functions []uint32
	ins       wasm.Instruction
	frames    []frame
	// loops are the places in frames of the loops that are open.
	loops []int
	// segment is the charge point that pays for the next instruction.
	segment int32
	dead    bool
	dispatches
}

// read plans a body, of a function with so many locals.
//
// A charge point pays for its segment: code that is not reached but through the
// point, and at most once each time, as no head of a loop lies between. What a
// construct's end, or its else, leads to belongs to the segment that was open at
// its beginning, for no jump can lead there past the beginning. Behind a block
// that a br_table leads out of begins a segment of its own: compilers make such
// blocks the cases of a switch, and Go's makes every function one.
func (p *planner) read(body []byte, locals uint32) {
	p.plan = plan{points: p.points[:0], tight: p.tight[:0], jumps: p.jumps[:0]}
	p.values = values{locals: int64(locals), fresh: int64(locals)}
	p.frames, p.loops, p.dead = p.frames[:0], p.loops[:0], false
	p.dispatches.reset()
	p.point(0)
	p.frames = append(p.frames, frame{op: wasm.OpBlock, dispatch: none})
	instructions := wasm.NewInstructions(body)
	ins := &p.ins
	for instructions.Next(ins) {
		switch {
		case ins.Op <= wasm.OpCallIndirect:
			p.control(ins)
		case !p.dead:
			p.plain(ins)
		}
		if !p.dead && p.points[p.segment].cost >= longSegment {
			p.cross(0) // the call that asks for more fuel
			p.point(ins.End)
		}
	}
	p.points[0].check = p.points[0].cost > 0 || p.given > 0
	for i := range p.points {
		if p.points[i].cost >= heavySegment {
			p.points[i].check = true
		}
	}
}

// point makes a charge point, and begins its segment.
func (p *planner) point(at int) {
	p.segment = int32(len(p.points))
	p.points = append(p.points, point{at: at})
}

func (p *planner) cost(c uint64) { p.points[p.segment].cost += c }

func (p *planner) plain(ins *wasm.Instruction) {
	p.cost(Cost(ins.Op))
	p.operands(int64(ins.Op.Growth()))
	p.vectors = p.vectors || ins.Op >= wasm.OpV128Load
	if ins.Op == wasm.OpLocalSet || ins.Op == wasm.OpLocalTee {
		p.set()
	}
	switch ins.Op {
	case wasm.OpI32Const, wasm.OpLocalGet, wasm.OpLocalSet:
		p.note(ins)
	case wasm.OpMemoryFill, wasm.OpMemoryCopy, wasm.OpMemoryInit:
		if p.constant.isLength(ins) {
			p.cost(uint64(p.constant.value / BytesPerUnit))
			p.loosen()
			p.cross(0)
			break
		}
		p.call()
		p.cross(0)
	case wasm.OpMemoryGrow, wasm.OpTableFill, wasm.OpTableCopy, wasm.OpTableInit, wasm.OpTableGrow:
		p.call()
		p.cross(0)
	}
}

// call notes that control goes to another function.
func (p *planner) call() {
	p.given++
	p.loosen()
}

// loosen says that the innermost loop has something in it that a tight one has not.
func (p *planner) loosen() {
	if n := len(p.loops); n > 0 {
		p.frames[p.loops[n-1]].loose = true
	}
}

func (p *planner) control(ins *wasm.Instruction) {
	switch ins.Op {
	case wasm.OpBlock, wasm.OpLoop, wasm.OpIf:
		p.open(ins)
		return
	case wasm.OpElse:
		p.alternative(ins)
		return
	case wasm.OpEnd:
		p.close(ins)
		return
	}
	if p.dead {
		return
	}
	switch ins.Op {
	case wasm.OpCall:
		p.call()
		p.values.call(&p.types[p.functions[ins.Index]])
		if ins.Index < p.imported {
			p.cost(CostHostCall - CostCall)
		} else {
			p.calls = true
		}
	case wasm.OpCallIndirect:
		p.call()
		p.operands(-1) // the index into the table
		p.values.call(&p.types[ins.Index])
		p.calls = true
	case wasm.OpBr:
		p.branch(ins)
	case wasm.OpBrIf:
		p.branch(ins)
		p.operands(-1) // the condition
	case wasm.OpBrTable:
		p.branchTable(ins)
	}
	p.cost(Cost(ins.Op))
	switch ins.Op {
	case wasm.OpBr, wasm.OpBrTable, wasm.OpReturn, wasm.OpUnreachable:
		p.dead = true
	}
}

// label gives the construct that a branch names.
func (p *planner) label(index uint32) *frame { return &p.frames[len(p.frames)-1-int(index)] }

func (p *planner) open(ins *wasm.Instruction) {
	f := frame{op: ins.Op, block: ins.Block, at: ins.Start, around: p.segment, start: none, dead: p.dead, dispatch: none}
	if !p.dead {
		p.cost(Cost(ins.Op))
		if ins.Op == wasm.OpIf {
			p.operands(-1) // the condition
		}
		params, _ := p.arity(ins.Block)
		f.height, f.sets = p.now-params, p.sets
		switch ins.Op {
		case wasm.OpBlock:
			p.note(ins)
		case wasm.OpLoop:
			p.loosen()
			p.note(ins)
			p.loops = append(p.loops, len(p.frames))
			p.rewind(f.height, params)
			p.cross(0) // the call that asks for more fuel
			p.point(ins.End)
			f.start = p.segment
		case wasm.OpIf:
			p.point(ins.End)
			f.start = p.segment
		}
	}
	p.frames = append(p.frames, f)
}

func (p *planner) alternative(ins *wasm.Instruction) {
	f := &p.frames[len(p.frames)-1]
	p.dead = f.dead
	if f.dead {
		return
	}
	params, _ := p.arity(f.block)
	p.rewind(f.height, params)
	p.settle(f)
	p.point(ins.End)
	f.start = p.segment
}

func (p *planner) close(ins *wasm.Instruction) {
	f := &p.frames[len(p.frames)-1]
	p.frames = p.frames[:len(p.frames)-1]
	p.dead = f.dead
	if f.dead || len(p.frames) == 0 {
		return
	}
	switch f.op {
	case wasm.OpLoop:
		p.closeLoop(f)
	case wasm.OpIf:
		p.settle(f)
	}
	_, results := p.arity(f.block)
	p.rewind(f.height, results)
	if f.op != wasm.OpBlock || f.branches > 0 || f.table {
		p.values.join(p.sets - f.sets)
	}
	p.segment = f.around
	if f.table && f.op != wasm.OpLoop {
		p.point(ins.End)
	}
}

func (p *planner) closeLoop(f *frame) {
	p.places += min(p.sets-f.sets, p.locals) // what a turn hands to the next
	p.loops = p.loops[:len(p.loops)-1]
	head := &p.points[f.start]
	switch {
	case f.dispatch != none: // charged where branches lead to it
	case f.branches == 0 && !f.table:
		p.move(f.start, f.around) // as if it were a block
	case p.isTight(f):
		p.tight = append(p.tight, tightLoop{f.at, head.cost})
		p.move(f.start, f.around)
	default:
		head.check = true
	}
}

func (p *planner) isTight(f *frame) bool {
	params, _ := p.arity(f.block)
	return !f.loose && !f.table && f.branches <= tightBranches && params == 0 && p.points[f.start].cost <= tightTurn
}

// arity tells how many values a block takes and gives.
func (p *planner) arity(b wasm.BlockType) (params, results int64) {
	if t, ok := b.TypeIndex(); ok {
		return int64(len(p.types[t].Params)), int64(len(p.types[t].Results))
	}
	if b == wasm.EmptyBlock {
		return 0, 0
	}
	return 0, 1
}

// settle charges an arm of an if with the code around it, unless it is heavy.
func (p *planner) settle(f *frame) {
	if p.points[f.start].cost < heavyArm {
		p.move(f.start, f.around)
	}
}

func (p *planner) move(from, to int32) {
	p.points[to].cost += p.points[from].cost
	p.points[from].cost = 0
}

func (p *planner) branch(ins *wasm.Instruction) {
	f := p.label(ins.Index)
	f.branches++
	if f.op == wasm.OpLoop && f.dispatch != none {
		p.again(ins, f)
	}
}

func (p *planner) branchTable(ins *wasm.Instruction) {
	p.loosen()
	again := false
	for _, label := range ins.Targets {
		f := p.label(label)
		f.table = true
		again = again || f.op == wasm.OpLoop && f.dispatch != none
	}
	if again {
		p.turn(ins)
	}
	p.note(ins)
}
