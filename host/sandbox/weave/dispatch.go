package weave

import "github.com/postern-dev/postern/host/sandbox/wasm"

// A dispatch is how compilers write jumps that WebAssembly does not have: a loop,
// blocks within each other, and a local that chooses one of them. Go's compiler makes
// nearly every function one.
//
//	loop $again
//	  block block block
//	    local.get $case
//	    br_table 0 1 2
//	  end
//	  …                     ;; case 0
//	    i32.const 2
//	    local.set $case
//	    br $again           ;; jumps to case 2
//	  end
//	  …                     ;; case 1
//	  end
//	  …                     ;; case 2
//	end
//
// What such a branch does is known: it jumps to one place. If that place is further
// on, it becomes a branch that goes there directly. That is no turn of the loop, and
// it buys back most of what is spent on fuel, as it spares the engine an indirect
// jump. All other branches to the loop check the fuel. Each branch pays for the head,
// so that there is nothing to do in the loop itself.
type dispatch struct {
	// local chooses the case.
	local uint32
	// innermost is the place in planner.frames of the innermost block.
	innermost int
	// targets are the labels of the br_table, counted from inside it.
	targets []uint32
}

// dispatchCost is the cost of the head of a dispatch's loop: local.get and br_table.
const dispatchCost = CostPlain + CostPlain

// dispatches is what a planner knows of a function's dispatches.
type dispatches struct {
	found []dispatch
	// targets is the memory of dispatch.targets.
	targets []uint32

	// The ends of the last instructions that may belong to a dispatch, or to a jump,
	// so that it is seen what follows directly.
	run struct {
		end  int // of the last block of a sequence, or the loop in front of it
		loop int // the loop's place in frames
	}
	got struct { // local.get behind such a block
		end   int
		local uint32
	}
	constant constant
	assigned struct { // local.set behind an i32.const
		end          int
		local, value uint32
	}
}

func (d *dispatches) reset() {
	d.found, d.targets = d.found[:0], d.targets[:0]
	d.run.end, d.got.end, d.constant.end, d.assigned.end = none, none, none, none
}

// note notes an instruction that may belong to a dispatch or to a jump. A block or
// loop is noted before it is opened.
func (p *planner) note(ins *wasm.Instruction) {
	switch ins.Op {
	case wasm.OpLoop:
		p.run.end, p.run.loop = ins.End, len(p.frames)
	case wasm.OpBlock:
		if p.run.end == ins.Start {
			p.run.end = ins.End
		}
	case wasm.OpLocalGet:
		if p.run.end == ins.Start {
			p.got.end, p.got.local = ins.End, ins.Index
		}
	case wasm.OpBrTable:
		if p.got.end == ins.Start {
			p.noteDispatch(ins)
		}
	case wasm.OpI32Const:
		p.constant.end, p.constant.value = ins.End, uint32(ins.Value)
	case wasm.OpLocalSet:
		if p.constant.end == ins.Start {
			p.assigned.end, p.assigned.local, p.assigned.value = ins.End, ins.Index, p.constant.value
		}
	}
}

// noteDispatch notes a br_table that ends the beginning of a dispatch.
func (p *planner) noteDispatch(ins *wasm.Instruction) {
	if p.frames[p.run.loop].table {
		return
	}
	index := int32(len(p.found))
	start := len(p.targets)
	p.targets = append(p.targets, ins.Targets...)
	p.found = append(p.found, dispatch{local: p.got.local, innermost: len(p.frames) - 1, targets: p.targets[start:]})
	for i := p.run.loop; i < len(p.frames); i++ {
		p.frames[i].dispatch = index
	}
	loop := &p.frames[p.run.loop]
	p.move(loop.start, loop.around)
	p.segment = loop.around
}

// again notes a branch to the head of a dispatch's loop, which may be a jump. It pays
// for the head also if it is shortened, so that what a module is charged for does not
// depend on how it is woven.
func (p *planner) again(ins *wasm.Instruction, loop *frame) {
	d := &p.found[loop.dispatch]
	if p.assigned.end == ins.Start && p.assigned.local == d.local {
		label := d.targets[min(uint64(p.assigned.value), uint64(len(d.targets)-1))]
		target := d.innermost - int(label)
		if target >= 0 && target < len(p.frames) && p.frames[target].dispatch == loop.dispatch {
			p.cost(dispatchCost)
			p.jumps = append(p.jumps, jump{ins.Start, target})
			return
		}
	}
	p.turn(ins)
}

// turn notes a branch that arrives at the head of a dispatch's loop.
func (p *planner) turn(ins *wasm.Instruction) {
	p.cost(dispatchCost)
	p.cross(0)
	p.points = append(p.points, point{at: ins.Start, check: true})
}
