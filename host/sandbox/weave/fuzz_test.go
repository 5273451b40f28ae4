package weave_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/postern-dev/postern/host/sandbox/wasm"
	"github.com/postern-dev/postern/host/sandbox/weave"
)

// FuzzWeave runs random programs as they are and woven. They must give the same
// results, traps, memory and globals; what is charged must not depend on the engine
// or on how the fuel is handed out, and never be less than what was executed.
func FuzzWeave(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 150 {
		seed := make([]byte, 100+random.IntN(900))
		for i := range seed {
			seed[i] = byte(random.Uint32())
		}
		f.Add(seed)
	}
	f.Fuzz(compare)
}

func compare(t *testing.T, choices []byte) {
	binary := generate(choices[:min(len(choices), 4000)])
	woven := weaveBytes(t, binary, generous())
	plain := runAll(t, wazero.NewRuntimeConfigCompiler(), countCost(t, binary), 0)
	compiled := runAll(t, wazero.NewRuntimeConfigCompiler(), woven, plenty)
	interpreted := runAll(t, wazero.NewRuntimeConfigInterpreter(), woven, 37)
	if diff := cmp.Diff(plain.calls, compiled.calls); diff != "" {
		t.Fatalf("unwoven and woven (-, +): %s", diff)
	}
	if !bytes.Equal(plain.memory, compiled.memory) {
		t.Error("the woven program leaves another memory")
	}
	if diff := cmp.Diff(compiled.fuel, interpreted.fuel); diff != "" {
		t.Errorf("fuel by compiler and interpreter (-, +): %s", diff)
	}
	for i, cost := range plain.fuel {
		if compiled.fuel[i] < cost {
			t.Errorf("call %d charged %d units for %d", i, compiled.fuel[i], cost)
		}
	}
}

// session is what a program did: each call's outcome with the globals after it, the
// units of each call that returned, and the memory in the end.
type session struct {
	calls  []string
	fuel   []int64
	memory []byte
}

// runAll calls every function of a generated program, until one traps. A program
// that is not woven gives its cost in a global of its own.
func runAll(t *testing.T, config wazero.RuntimeConfig, binary []byte, slice int64) (s session) {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, config)
	var m api.Module
	var measure func() int64
	if slice > 0 {
		g := startOn(t, r, binary)
		g.slice = slice
		m = g
		measure = func() int64 { return g.given - int64(g.global(weave.ExportFuel).Get()) }
	} else {
		t.Cleanup(func() { r.Close(ctx) })
		provideHost(t, r)
		var err error
		if m, err = r.Instantiate(ctx, binary); err != nil {
			t.Fatal(err)
		}
		measure = func() int64 { return int64(m.ExportedGlobal("cost").Get()) }
	}
	defer r.Close(ctx)
	for i := range 6 {
		f := m.ExportedFunction(fmt.Sprint("f", i))
		if f == nil {
			break
		}
		m.ExportedGlobal("g0").(api.MutableGlobal).Set(generatedBudget)
		args := []uint64{3, 1000}
		if f.Definition().ParamTypes()[0] == api.ValueTypeF64 {
			args[0] = math.Float64bits(2.5)
		}
		before := measure()
		results, err := f.Call(ctx, args[:len(f.Definition().ParamTypes())]...)
		said := outcome(results, err)
		for g := range 4 {
			said += fmt.Sprintf(" g%d=%x", g, canonical(m.ExportedGlobal(fmt.Sprint("g", g))))
		}
		s.calls = append(s.calls, said)
		if err != nil {
			break // what is counted is not told
		}
		s.fuel = append(s.fuel, measure()-before)
	}
	memory, _ := m.Memory().Read(0, m.Memory().Size())
	s.memory = slices.Clone(memory)
	return s
}

// canonical gives a global's bits; those of all NaNs are the same.
func canonical(g api.Global) uint64 {
	if g.Type() == api.ValueTypeF64 && math.IsNaN(math.Float64frombits(g.Get())) {
		return math.Float64bits(math.NaN())
	}
	return g.Get()
}

// countCost makes a program count what it executes, instruction by instruction, in a
// global: what the weaver charges for whole stretches of code, seen in another way.
func countCost(t *testing.T, binary []byte) []byte {
	t.Helper()
	m, err := wasm.Read(binary, wasm.DefaultBounds())
	if err != nil {
		t.Fatal(err)
	}
	m.Globals = append(m.Globals, wasm.Global{Type: wasm.GlobalType{Type: wasm.I64, Mutable: true}, Init: assemble(t, "i64.const 0 end")})
	m.Exports = append(m.Exports, wasm.Export{Name: "cost", Kind: wasm.ExternGlobal, Index: globalCost})
	for i := range m.Code {
		body := m.Code[i].Body
		var counting []byte
		var ins wasm.Instruction
		for instructions := wasm.NewInstructions(body); instructions.Next(&ins); {
			cost := weave.Cost(ins.Op)
			if ins.Op == wasm.OpCall && ins.Index < 1 {
				cost = weave.CostHostCall
			}
			if cost > 0 { // an else or end costs nothing, so nothing is put in front of one
				counting = append(counting, assemble(t, fmt.Sprintf("global.get %d i64.const %d i64.add global.set %d", globalCost, cost, globalCost))...)
			}
			counting = append(counting, body[ins.Start:ins.End]...)
		}
		m.Code[i].Body = counting
	}
	m.Changed(wasm.SectionGlobal)
	m.Changed(wasm.SectionExport)
	m.Changed(wasm.SectionCode)
	return m.Bytes()
}

// FuzzAdmitted weaves whatever the reader accepts. What comes out must be accepted
// again, and by the engine if it accepted what went in.
func FuzzAdmitted(f *testing.F) {
	f.Add(build(f, []fn{{"i32", "i32", "i32", dispatchBody}}, table(wasm.FuncRef, 0)))
	f.Add(build(f, []fn{{"i32", "", "", "loop - local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end"}}, importNext))
	random := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		seed := make([]byte, 300)
		for i := range seed {
			seed[i] = byte(random.Uint32())
		}
		f.Add(generate(seed))
	}
	bounds := wasm.DefaultBounds()
	bounds.ModuleBytes = 1 << 20
	bounds.AllLocals = 1000
	f.Fuzz(func(t *testing.T, binary []byte) {
		m, err := wasm.Read(binary, bounds)
		if err != nil {
			return
		}
		if weave.Weave(m, weave.Options{MemoryPages: 100, TableElements: 1000, StackBytes: 1 << 20}) != nil {
			return
		}
		woven := m.Bytes()
		if _, err := wasm.Read(woven, wasm.DefaultBounds()); err != nil {
			t.Fatalf("the woven module: %v", err)
		}
		ctx := context.Background()
		r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
		defer r.Close(ctx)
		if _, err := r.CompileModule(ctx, binary); err != nil {
			return
		}
		if _, err := r.CompileModule(ctx, woven); err != nil {
			t.Errorf("the engine accepts the module, but not woven: %v", err)
		}
	})
}
