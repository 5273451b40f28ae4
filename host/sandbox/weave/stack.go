package weave

import "github.com/postern-dev/postern/host/sandbox/wasm"

// What a call of a function counts for, in bytes of the stack.
const (
	frameBytes  = 64 // what every frame has
	valueBytes  = 8  // a value that the frame has a place for
	vectorBytes = 16 // one that may be a vector
	// unitsPerByte is for how much fuel, charged without asking for more, a byte is
	// counted: while a deep stack of calls unwinds, each may go on so long unnoticed.
	unitsPerByte = 2
)

// frame gives what a call of a function counts for.
func (p *plan) frame() int64 {
	size := int64(valueBytes)
	if p.vectors {
		size = vectorBytes
	}
	return frameBytes + size*(p.places+p.outgoing) + int64(p.unchecked()/unitsPerByte)
}

// values estimates how large a frame the engine gives a function. It has a place of
// its own for every value that outlives a call: for every version of a local, and for
// every operand. Code can be written so that there are many more than it ever has at
// once; a bound on the depth of calls that overlooked them would be none.
type values struct {
	// locals is how many the function has, sets how often they were set so far.
	locals, sets int64
	// fresh is how many versions of locals there are that no call has seen yet.
	fresh int64
	// now is how many operands there are, low the least since the last call: those
	// above have no place yet.
	now, low int64
	// places are those for values, outgoing the most for what a call takes and gives.
	places, outgoing int64
	vectors          bool
}

// operands changes how many there are.
func (v *values) operands(growth int64) {
	v.now += growth
	v.low = min(v.low, v.now)
}

// rewind says that there are so many operands above a height, all of them new.
func (v *values) rewind(height, above int64) {
	v.low = min(v.low, height)
	v.now = height + above
}

// set notes that a local was set.
func (v *values) set() {
	v.sets++
	v.fresh++
}

// join notes a place that can be reached in several ways, between which locals were
// set so often: each may have one more version behind it.
func (v *values) join(sets int64) { v.fresh += min(sets, v.locals) }

// cross notes a call that leaves all but the uppermost operands alone: what there is
// by then gets a place.
func (v *values) cross(uppermost int64) {
	left := v.now - uppermost
	v.places += max(left-v.low, 0) + min(v.fresh, v.locals)
	v.low, v.fresh = left, 0
}

// call notes a call by its type.
func (v *values) call(t *wasm.FuncType) {
	params, results := int64(len(t.Params)), int64(len(t.Results))
	v.cross(params)
	v.outgoing = max(v.outgoing, params+results)
	v.now += results - params
}
