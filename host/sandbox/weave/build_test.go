package weave_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/postern-dev/postern/host/sandbox/wasm"
)

// fn is a function of a test's module. Types are words: "i32 i64"; the body is
// instructions by their names, each with its immediates behind it, without the end.
type fn struct {
	params, results, locals string
	body                    string
}

// build makes a module with the functions, which are exported as f0, f1 …, one page
// of memory, exported as memory, and what alter adds.
func build(t testing.TB, functions []fn, alter ...func(*wasm.Module)) []byte {
	t.Helper()
	m := &wasm.Module{
		Memories: []wasm.Limits{{Min: 1}},
		Exports:  []wasm.Export{{Name: "memory", Kind: wasm.ExternMemory}},
	}
	for i, f := range functions {
		m.Types = append(m.Types, wasm.FuncType{Params: valueTypes(f.params), Results: valueTypes(f.results)})
		m.Functions = append(m.Functions, uint32(i))
		var locals []wasm.Local
		for _, l := range valueTypes(f.locals) {
			locals = append(locals, wasm.Local{Count: 1, Type: l})
		}
		m.Code = append(m.Code, wasm.Code{Locals: locals, Body: assemble(t, f.body+" end")})
		m.Exports = append(m.Exports, wasm.Export{Name: "f" + strconv.Itoa(i), Kind: wasm.ExternFunction, Index: uint32(i)})
	}
	for _, a := range alter {
		a(m)
	}
	return m.Bytes()
}

func valueTypes(words string) (types []wasm.ValueType) {
	named := map[string]wasm.ValueType{
		"i32": wasm.I32, "i64": wasm.I64, "f32": wasm.F32, "f64": wasm.F64,
		"v128": wasm.V128, "funcref": wasm.FuncRef, "externref": wasm.ExternRef,
	}
	for _, w := range strings.Fields(words) {
		types = append(types, named[w])
	}
	return types
}

// assemble turns instructions into a body. A block's type is a value type's name, the
// index of a function type, or "-".
func assemble(t testing.TB, text string) (body []byte) {
	t.Helper()
	words := strings.Fields(text)
	next := func() string {
		if len(words) == 0 {
			t.Fatalf("%q ends within an instruction", text)
		}
		w := words[0]
		words = words[1:]
		return w
	}
	number := func() uint64 {
		w := next()
		n, err := strconv.ParseInt(w, 0, 64)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		return uint64(n)
	}
	for len(words) > 0 {
		name := next()
		op, ok := wasm.Lookup(name)
		if !ok {
			t.Fatalf("no instruction is named %q", name)
		}
		ins := wasm.Instruction{Op: op}
		switch op.Immediate() {
		case wasm.ImmediateNone, wasm.ImmediateMemory, wasm.ImmediateMemoryMemory:
		case wasm.ImmediateBlockType:
			switch w := next(); {
			case w == "-":
				ins.Block = wasm.EmptyBlock
			case w[0] >= '0' && w[0] <= '9':
				n, _ := strconv.Atoi(w)
				ins.Block = wasm.IndexedBlock(uint32(n))
			default:
				ins.Block = wasm.ResultBlock(valueTypes(w)[0])
			}
		case wasm.ImmediateLabelTable: // how many targets, and the targets
			for range number() {
				ins.Targets = append(ins.Targets, uint32(number()))
			}
		case wasm.ImmediateTypeTable, wasm.ImmediateTableTable, wasm.ImmediateElementTable:
			ins.Index = uint32(number())
			ins.Index2 = uint32(number())
		case wasm.ImmediateI32, wasm.ImmediateI64, wasm.ImmediateF32, wasm.ImmediateF64, wasm.ImmediateV128:
			ins.Value = number()
		case wasm.ImmediateMemoryArgument:
		case wasm.ImmediateReferenceType:
			ins.Type = valueTypes(next())[0]
		default:
			ins.Index = uint32(number())
		}
		body = wasm.AppendInstruction(body, &ins)
	}
	return body
}
