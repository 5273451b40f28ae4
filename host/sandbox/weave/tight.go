package weave

import "github.com/postern-dev/postern/host/sandbox/wasm"

// A tight loop takes a nanosecond a turn or less, so what is woven into it must stay
// in registers: a call in it, even one that is never made, would have the engine
// keep the loop's values in memory. So the code that asks for more fuel stands
// outside the loop, as the engine sees it:
//
//	block $done
//	  loop $again
//	    block $empty
//	      loop $turn
//	        …              ;; br_if $turn is: if (balance -= cost) < 0 br_if $empty br $turn end
//	      end
//	      br $done
//	    end
//	    (balance = refuel(balance))
//	    br $again
//	  end
//	end
const tightLevels = 3 // labels between $turn and what is around the loop

func (b *body) beginTight() {
	b.replace()
	b.open(wasm.OpBlock, b.ins.Block).open(wasm.OpLoop, b.ins.Block)
	b.open(wasm.OpBlock, wasm.EmptyBlock).open(wasm.OpLoop, b.ins.Block)
	b.level += tightLevels
}

func (b *body) endTight() {
	b.level -= tightLevels + 1
	b.with(wasm.OpBr, 2).end()
	b.get(b.balance).call(b.refuel).set(b.balance)
	b.with(wasm.OpBr, 0).end().end()
}

// branchTight weaves a branch to the head of a tight loop.
func (b *body) branchTight(l *label) {
	i := b.index(l)
	b.replace()
	conditional := b.ins.Op == wasm.OpBrIf
	if conditional {
		b.open(wasm.OpIf, wasm.EmptyBlock)
		i++
	}
	b.get(b.balance).i64(int64(l.tight.cost)).op(wasm.OpI64Sub).tee(b.balance).i64(0).op(wasm.OpI64LtS)
	b.with(wasm.OpBrIf, i+1).with(wasm.OpBr, i)
	if conditional {
		b.end()
	}
}
