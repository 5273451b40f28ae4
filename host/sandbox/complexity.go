package sandbox

import (
	"time"

	"github.com/postern-dev/postern/host/sandbox/wasm"
)

// Bounds of what compiling takes. The engine's time and memory grow faster than the code, in
// several ways, and a function once begun is compiled to its end; so each way
// has a bound, measured with the shape of code that drives it. What is bounded is the woven
// code. Beside each bound stands the most that a Go guest of 3.6 MB has.
const (
	// maxBranches bounds the blocks and branches of one function. Go: 2,400.
	maxBranches = 8_000
	// maxWeight bounds the instructions of one function by what the engine keeps of
	// each: about a kilobyte for each unit. Go: 35,000.
	maxWeight = 150_000
	// maxBranchLocals bounds branches times locals: each block may have a value of its own for
	// every local, of a hundred bytes. Go: 35,000.
	maxBranchLocals = 600_000
	// maxBranchHeight bounds branches times the height of the operand stack, which lives
	// over them and takes fifty bytes for each. Go: 11,000.
	maxBranchHeight = 2_000_000
	// maxCallGlobals bounds calls times the module's mutable globals, which are loaded anew
	// after each. Go: 3,600.
	maxCallGlobals = 300_000
	// maxCompiling bounds the time for all functions by [complexity.time]. Go: 4 s, of which it takes a third.
	maxCompiling = 10 * time.Second
	// maxTypes bounds the function types, and maxTypeFunctions them times the
	// functions: the engine goes through all types for each function. Go: 23 and 51,000.
	maxTypes         = 2_000
	maxTypeFunctions = 50_000_000
)

// complexity is what compiling one function depends on.
type complexity struct {
	weight, branches, calls, height, locals, globals uint64
}

// time is about what one processor takes.
func (c *complexity) time() time.Duration {
	return time.Duration(20*c.branches*c.branches + 500*c.branches*c.locals + 100*c.branches*c.height + 300*c.calls*c.globals + 500*c.weight)
}

// admitCode bounds the time and memory that compiling the module takes.
func admitCode(m *wasm.Module) error {
	if n := len(m.Types); n > maxTypes {
		return refuse("it has %d function types; at most %d are admitted", n, maxTypes)
	}
	if n := len(m.Types) * len(m.Functions); n > maxTypeFunctions {
		return refuse("it has %d function types for %d functions, which takes too long to compile", len(m.Types), len(m.Functions))
	}
	globals := uint64(0)
	for _, g := range m.Globals {
		if g.Type.Mutable {
			globals++
		}
	}
	functions := functionTypes(m)
	imported := len(functions) - len(m.Functions)
	measure := measurer{module: m, functions: functions}
	total := time.Duration(0)
	for n := range m.Code {
		c := measure.function(&m.Code[n])
		c.globals = globals
		c.locals = uint64(len(functions[imported+n].Params))
		for _, l := range m.Code[n].Locals {
			c.locals += uint64(l.Count)
		}
		for _, b := range []struct {
			what       string
			have, most uint64
		}{
			{"blocks and branches", c.branches, maxBranches},
			{"instructions, by their weight", c.weight, maxWeight},
			{"branches times locals", c.branches * c.locals, maxBranchLocals},
			{"branches times values on the stack", c.branches * c.height, maxBranchHeight},
			{"calls times the module's mutable globals", c.calls * c.globals, maxCallGlobals},
		} {
			if b.have > b.most {
				return refuse("function %d would take too long to compile: it has %d %s; at most %d are admitted", imported+n, b.have, b.what, b.most)
			}
		}
		if total += c.time(); total > maxCompiling {
			return refuse("compiling it would take more than %v of a processor's time; split its largest functions, or the module", maxCompiling)
		}
	}
	return nil
}

// functionTypes are the types of all functions, imported ones first.
func functionTypes(m *wasm.Module) []wasm.FuncType {
	var types []wasm.FuncType
	for _, i := range m.Imports {
		if i.Kind == wasm.ExternFunction {
			types = append(types, m.Types[i.Type])
		}
	}
	for _, t := range m.Functions {
		types = append(types, m.Types[t])
	}
	return types
}

// measurer measures functions, with one memory for all.
type measurer struct {
	module    *wasm.Module
	functions []wasm.FuncType
	// blocks are those that are open: the height of the stack below each, and what it leaves there.
	blocks []openBlock
}

type openBlock struct{ below, results int }

func (s *measurer) function(code *wasm.Code) complexity {
	var c complexity
	height := 0
	s.blocks = append(s.blocks[:0], openBlock{})
	instructions := wasm.NewInstructions(code.Body)
	for i := (wasm.Instruction{}); instructions.Next(&i); {
		c.weight += weight(i.Op)
		switch i.Op {
		case wasm.OpBlock, wasm.OpLoop, wasm.OpIf:
			c.branches++
			t := s.blockType(i.Block)
			if i.Op == wasm.OpIf {
				height--
			}
			s.blocks = append(s.blocks, openBlock{height - len(t.Params), len(t.Results)})
		case wasm.OpElse:
			height = s.blocks[len(s.blocks)-1].below
		case wasm.OpEnd:
			last := s.blocks[len(s.blocks)-1]
			s.blocks = s.blocks[:len(s.blocks)-1]
			height = last.below + last.results
		case wasm.OpBr:
			c.branches++
		case wasm.OpBrIf:
			c.branches++
			height--
		case wasm.OpBrTable:
			c.branches += uint64(len(i.Targets))
			height--
		case wasm.OpCall, wasm.OpCallIndirect:
			c.calls++
			var t wasm.FuncType
			if i.Op == wasm.OpCall {
				t = s.functions[i.Index]
			} else {
				t = s.module.Types[i.Index]
				c.branches++ // it checks the table and the type
				height--
			}
			c.weight += uint64(len(t.Params) + len(t.Results))
			height += len(t.Results) - len(t.Params)
		default:
			height += i.Op.Growth()
		}
		// Code that is never reached may take what is not there.
		if n := len(s.blocks); n > 0 {
			height = max(height, s.blocks[n-1].below)
		}
		c.height = max(c.height, uint64(max(height, 0)))
	}
	return c
}

func (s *measurer) blockType(b wasm.BlockType) wasm.FuncType {
	if n, ok := b.TypeIndex(); ok {
		return s.module.Types[n]
	}
	if t, ok := b.Result(); ok {
		return wasm.FuncType{Results: []wasm.ValueType{t}}
	}
	return wasm.FuncType{}
}

// weight is what the engine keeps of an instruction, roughly in kilobytes.
func weight(op wasm.Op) uint64 {
	switch {
	case op == wasm.OpCallIndirect:
		return 16
	case op == wasm.OpCall:
		return 4
	case op >= wasm.OpI32Load && op <= wasm.OpI64Store32:
		return 6
	case op >= wasm.OpI32DivS && op <= wasm.OpI32RemU, op >= wasm.OpI64DivS && op <= wasm.OpI64RemU,
		op >= wasm.OpI32TruncF32S && op <= wasm.OpI64TruncF64U:
		return 16
	case op > 0xff: // bulk operations, saturating conversions, vectors
		return 12
	}
	return 1
}
