package weave_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/postern-dev/postern/host/sandbox/wasm"
	"github.com/postern-dev/postern/host/sandbox/weave"
)

var errStackOverflow = errors.New("stack overflow")

// provideYield gives the modules of a runtime the function that they import. It ends
// a guest whose calls are nested too deeply, as every host must.
func provideYield(t testing.TB, r wazero.Runtime, yield func(fuel int64) int64) {
	t.Helper()
	i64 := []api.ValueType{api.ValueTypeI64}
	_, err := r.NewHostModuleBuilder(weave.ImportModule).NewFunctionBuilder().
		WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) {
			if int64(stack[0]) == weave.StackOverflow {
				panic(errStackOverflow)
			}
			stack[0] = uint64(yield(int64(stack[0])))
		}), i64, i64).Export(weave.ImportYield).Instantiate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
}

// generous are limits that no test comes near.
func generous() weave.Options {
	return weave.Options{MemoryPages: 65536, TableElements: 1 << 31, StackBytes: weave.DefaultStackBytes}
}

func weaveBytes(t testing.TB, binary []byte, options weave.Options) []byte {
	t.Helper()
	m, err := wasm.Read(binary, wasm.DefaultBounds())
	if err != nil {
		t.Fatal(err)
	}
	if err := weave.Weave(m, options); err != nil {
		t.Fatal(err)
	}
	woven := m.Bytes()
	if _, err := wasm.Read(woven, wasm.DefaultBounds()); err != nil {
		t.Fatalf("the woven module: %v", err)
	}
	return woven
}

// guest is a woven module that runs.
type guest struct {
	api.Module
	t testing.TB
	// slice is what yield hands out; given is the sum, yields how often.
	slice, given int64
	yields       int
}

const plenty = 1 << 40

// start weaves and instantiates a module with plenty of fuel.
func start(t testing.TB, binary []byte, options weave.Options) *guest {
	t.Helper()
	return startOn(t, wazero.NewRuntime(t.Context()), weaveBytes(t, binary, options))
}

func startOn(t testing.TB, r wazero.Runtime, woven []byte) *guest {
	t.Helper()
	t.Cleanup(func() { r.Close(context.Background()) })
	g := &guest{t: t, slice: plenty}
	provideYield(t, r, func(fuel int64) int64 {
		g.yields++
		g.given += g.slice
		return fuel + g.slice
	})
	provideHost(t, r)
	m, err := r.InstantiateWithConfig(t.Context(), woven, wazero.NewModuleConfig())
	if err != nil {
		t.Fatal(err)
	}
	g.Module = m
	if _, err := m.ExportedFunction(weave.ExportData).Call(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.given, g.yields = 0, 0
	g.global(weave.ExportFuel).Set(0)
	return g
}

// provideHost gives functions for modules to import: host.next gives its argument
// and one, host.fuel the fuel of its caller as the host sees it.
func provideHost(t testing.TB, r wazero.Runtime) {
	t.Helper()
	i32 := []api.ValueType{api.ValueTypeI32}
	_, err := r.NewHostModuleBuilder("host").
		NewFunctionBuilder().WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) {
		stack[0] = uint64(uint32(stack[0]) + 1)
	}), i32, i32).Export("next").
		NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, m api.Module, stack []uint64) {
		stack[0] = m.ExportedGlobal(weave.ExportFuel).Get()
	}), i32, []api.ValueType{api.ValueTypeI64}).Export("fuel").Instantiate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
}

func (g *guest) global(name string) api.MutableGlobal {
	g.t.Helper()
	m, ok := g.ExportedGlobal(name).(api.MutableGlobal)
	if !ok {
		g.t.Fatalf("no mutable global is exported as %s", name)
	}
	return m
}

// call calls an exported function, and gives what it charged.
func (g *guest) call(name string, args ...uint64) (results []uint64, fuel int64, err error) {
	g.t.Helper()
	before := g.given - int64(g.global(weave.ExportFuel).Get())
	results, err = g.ExportedFunction(name).Call(g.t.Context(), args...)
	return results, g.given - int64(g.global(weave.ExportFuel).Get()) - before, err
}

// importNext makes a module import host.next, as function 0.
func importNext(m *wasm.Module) {
	m.Types = append(m.Types, wasm.FuncType{Params: []wasm.ValueType{wasm.I32}, Results: []wasm.ValueType{wasm.I32}})
	m.Imports = append(m.Imports, wasm.Import{Module: "host", Name: "next", Kind: wasm.ExternFunction, Type: uint32(len(m.Types) - 1)})
	for i := range m.Exports {
		if m.Exports[i].Kind == wasm.ExternFunction {
			m.Exports[i].Index++
		}
	}
}

func TestFuelOfExactlyWhatRuns(t *testing.T) {
	const (
		plain, memory, division = weave.CostPlain, weave.CostMemory, weave.CostDivision
		call, indirect          = weave.CostCall, weave.CostCallIndirect
	)
	countdown := "local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0"
	tests := []struct {
		name      string
		functions []fn
		alter     func(*wasm.Module)
		arg       uint64
		want      int64
	}{
		{"nothing", []fn{{"i32", "", "", ""}}, nil, 0, 0},
		{"plain instructions", []fn{{"i32", "i32", "", "local.get 0 i32.const 1 i32.add"}}, nil, 0, 3 * plain},
		{"what gives the code its shape", []fn{{"i32", "", "", "block - nop end"}}, nil, 0, 0},
		{"memory", []fn{{"i32", "", "", "local.get 0 local.get 0 i32.load i32.store"}}, nil, 0, 2*plain + 2*memory},
		{"division", []fn{{"i32", "i32", "", "i32.const 6 i32.const 3 i32.div_u"}}, nil, 0, 2*plain + division},
		{"square root", []fn{{"i32", "f64", "", "f64.const 0 f64.sqrt"}}, nil, 0, plain + division},
		{"vectors", []fn{{"i32", "", "", "i32.const 0 i8x16.splat i8x16.neg drop"}}, nil, 0, 2*plain + 2*weave.CostVector},
		{"a call", []fn{{"i32", "", "", "call 1"}, {"", "", "", "i32.const 1 drop"}}, nil, 0, call + 2*plain},
		{"a call through a table", []fn{{"i32", "", "", "i32.const 0 call_indirect 1 0"}, {"", "", "", "i32.const 1 drop"}},
			table(wasm.FuncRef, 1), 0, plain + indirect + 2*plain},
		{"a call of the host", []fn{{"i32", "i32", "", "local.get 0 call 0"}}, importNext, 0, plain + weave.CostHostCall},
		{"a tight loop, each turn", []fn{{"i32", "", "", "loop - " + countdown + " end"}}, nil, 1000, 1000 * 5 * plain},
		{"a tight loop left from inside", []fn{{"i32", "", "", "block - loop - local.get 0 i32.eqz br_if 1 local.get 0 i32.const 1 i32.sub local.set 0 br 0 end end"}},
			nil, 10, 11 * 8 * plain},
		{"a tight loop with results", []fn{{"i32", "i32", "", "loop i32 " + countdown + " local.get 0 end"}}, nil, 10, 10 * 6 * plain},
		{"a loop with a call", []fn{{"i32", "", "", "loop - call 1 " + countdown + " end"}, {"", "", "", ""}}, nil, 10, 10 * (call + 5*plain)},
		{"a loop within a loop", []fn{{"i32", "", "i32", "loop - i32.const 7 local.set 1 loop - local.get 1 i32.const 1 i32.sub local.tee 1 br_if 0 end " + countdown + " end"}},
			nil, 10, 10 * (2*plain + 7*5*plain + 5*plain)},
		{"a loop that is none", []fn{{"i32", "", "", "loop - local.get 0 drop end"}}, nil, 0, 2 * plain},
		{"a loop with parameters", []fn{{"i32", "i32", "", "local.get 0 loop 0 i32.const 1 i32.sub local.tee 0 local.get 0 br_if 0 end"}}, nil, 10, plain + 10*5*plain},
		{"code that is never reached", []fn{{"i32", "", "", "return " + strings.Repeat("nop i32.const 1 drop ", 100)}}, nil, 0, plain},
		{"light arms, both", []fn{{"i32", "i32", "", "local.get 0 if i32 i32.const 1 else i32.const 2 i32.const 3 i32.add end"}}, nil, 1, 2*plain + 4*plain},
		{"heavy arms, the one that runs", []fn{{"i32", "", "", "local.get 0 if - " + strings.Repeat("i32.const 1 drop ", 50) + "else " + strings.Repeat("i32.const 1 drop ", 500) + "end"}},
			nil, 1, 2*plain + 100*plain},
		{"cases, from the one chosen on", []fn{{"i32", "", "", "block - block - block - local.get 0 br_table 3 0 1 2 end " + strings.Repeat("i32.const 1 drop ", 100) + "end i32.const 1 drop end"}},
			nil, 1, 2*plain + 2*plain},
		{"a move of known length", []fn{{"i32", "", "", "i32.const 0 i32.const 0 i32.const 160 memory.fill"}}, nil, 0, 3*plain + call + 160/weave.BytesPerUnit},
		{"jumps of a dispatch", []fn{{"i32", "i32", "i32", dispatchBody}}, nil, 10, dispatchFuel(10)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			alter := func(m *wasm.Module) {}
			if test.alter != nil {
				alter = test.alter
			}
			g := start(t, build(t, test.functions, alter), generous())
			var args []uint64
			if test.functions[0].params != "" {
				args = append(args, test.arg)
			}
			_, fuel, err := g.call("f0", args...)
			if err != nil || fuel != test.want {
				t.Errorf("charged %d, %v; want %d", fuel, err, test.want)
			}
		})
	}
}

// dispatchBody adds the numbers from its parameter down to 1, as Go's compiler would
// write it: cases 1 and 2 are the loop, which case 0 jumps over into, and back.
const dispatchBody = `
	loop -
	  block - block - block -
	    local.get 1 br_table 3 0 1 2
	  end
	    i32.const 2 local.set 1 br 2
	  end
	    local.get 0 i32.const 1 i32.sub local.set 0
	  end
	  local.get 0 if - i32.const 1 local.set 1 br 1 end
	end
	local.get 0`

// dispatchFuel is what dispatchBody charges for n turns: the arrival, case 0 with its
// jump, the cases of a turn, of which the test pays for the jump back, and the code
// behind.
func dispatchFuel(n int64) int64 {
	const arrival, first, turn, test = 2, 3 + 2, 4, 5 + 2
	return arrival + first + test + n*(turn+test) + 1
}

// table gives a module a table and an element segment with the functions.
func table(t wasm.ValueType, functions ...uint32) func(*wasm.Module) {
	return func(m *wasm.Module) {
		m.Tables = append(m.Tables, wasm.TableType{Type: t, Limits: wasm.Limits{Min: 10}})
		m.Elements = append(m.Elements, wasm.Element{Mode: wasm.Active, Offset: assembleConst(0), Type: wasm.FuncRef, Functions: functions})
	}
}

func assembleConst(v int32) wasm.Expr {
	return append(wasm.AppendInt32([]byte{byte(wasm.OpI32Const)}, v), byte(wasm.OpEnd))
}

func TestTheHostSeesTheFuelThatIsLeft(t *testing.T) {
	g := start(t, build(t, []fn{
		{"i32", "i64", "", "loop - local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end i32.const 0 call 0 i32.const 0 call 0 i64.sub"},
		{"i32", "i64", "", "i32.const 0 call 0 loop - local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end i32.const 0 call 0 i64.sub"},
	}, importNext, func(m *wasm.Module) {
		m.Types = append(m.Types, wasm.FuncType{Params: valueTypes("i32"), Results: valueTypes("i64")})
		m.Imports[0].Name, m.Imports[0].Type = "fuel", uint32(len(m.Types)-1)
	}), generous())
	// Code is paid for ahead, at the entry: but for the turns of the loop behind the first.
	for name, want := range map[string]uint64{"f0": 0, "f1": 999 * 5 * weave.CostPlain} {
		if got, _, err := g.call(name, 1000); err != nil || got[0] != want {
			t.Errorf("between two calls of the host %s used up %v, %v; want %d", name, got, err, want)
		}
	}
}

func TestFuelIsTheSameOnEveryEngineAndRun(t *testing.T) {
	woven := weaveBytes(t, build(t, []fn{
		{"i32", "i32", "i32", dispatchBody + " drop local.get 0 loop - i32.const 0 i32.const 1 i32.const 99 memory.fill local.get 0 br_if 0 end"},
		{"i32", "i32", "", "local.get 0 i32.const 2 i32.lt_u if i32 local.get 0 else local.get 0 i32.const 1 i32.sub call 1 local.get 0 i32.const 2 i32.sub call 1 i32.add end"},
	}), generous())
	seen := map[int64]bool{}
	for _, config := range []wazero.RuntimeConfig{wazero.NewRuntimeConfigCompiler(), wazero.NewRuntimeConfigInterpreter()} {
		for _, slice := range []int64{1, 1000, plenty} {
			g := startOn(t, wazero.NewRuntimeWithConfig(t.Context(), config), woven)
			g.slice = slice
			for range 3 {
				_, loops, err1 := g.call("f0", 100)
				_, calls, err2 := g.call("f1", 15)
				if err1 != nil || err2 != nil {
					t.Fatal(err1, err2)
				}
				seen[loops<<32+calls] = true
			}
		}
	}
	if len(seen) != 1 {
		t.Errorf("%d different amounts were charged; want one", len(seen))
	}
}

func TestNothingRunsBeforeTheFirstYield(t *testing.T) {
	g := start(t, build(t, []fn{{"", "", "", "i32.const 0 i32.const 1 i32.store"}}), generous())
	g.slice = 7
	if _, _, err := g.call("f0"); err != nil || g.yields != 1 {
		t.Errorf("%d yields, %v; want 1", g.yields, err)
	}
}

func TestYieldsComeAsOftenAsSlicesEnd(t *testing.T) {
	const turns, slice = 100_000, 1000
	for name, f := range map[string]fn{
		"tight loop":     {"i32", "", "", "loop - local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end"},
		"loop with call": {"i32", "", "", "loop - i32.const 0 call 0 drop local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end"},
		"dispatch":       {"i32", "i32", "i32", dispatchBody},
	} {
		t.Run(name, func(t *testing.T) {
			g := start(t, build(t, []fn{f}, importNext), generous())
			g.slice = slice
			_, fuel, err := g.call("f0", turns)
			if want := fuel / slice; err != nil || int64(g.yields) < want || int64(g.yields) > want+1 {
				t.Errorf("%d yields, %v; want %d for %d units", g.yields, err, want, fuel)
			}
		})
	}
}

// Forty functions that each call the next one twice never loop, and never end.
func TestCallsWithoutLoopsYield(t *testing.T) {
	var functions []fn
	for i := range 40 {
		functions = append(functions, fn{"", "", "", strings.Repeat(fmt.Sprintf("call %d ", i+1), 2)})
	}
	functions = append(functions, fn{"", "", "", ""})
	errEnough := errors.New("enough")
	r := wazero.NewRuntime(t.Context())
	defer r.Close(t.Context())
	yields := 0
	provideYield(t, r, func(fuel int64) int64 {
		if yields++; yields == 1000 {
			panic(errEnough)
		}
		return fuel + 1000
	})
	m, err := r.Instantiate(t.Context(), weaveBytes(t, build(t, functions), generous()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.ExportedFunction("f0").Call(t.Context()); !errors.Is(err, errEnough) {
		t.Errorf("the call ended with %v; want it ended by yield", err)
	}
}

func TestDeepCallsEnd(t *testing.T) {
	recursive := fn{"i32", "i32", "", "local.get 0 if i32 local.get 0 i32.const 1 i32.sub call 0 i32.const 1 i32.add else i32.const 0 end"}
	g := start(t, build(t, []fn{recursive}), generous())
	got, _, err := g.call("f0", 10_000)
	if err != nil || got[0] != 10_000 {
		t.Errorf("10,000 calls deep: %v, %v", got, err)
	}
	if left := int64(g.global(weave.ExportStack).Get()); left != weave.DefaultStackBytes {
		t.Errorf("%d bytes of stack are left after the call; want %d", left, weave.DefaultStackBytes)
	}
	if _, _, err := g.call("f0", 10_000_000); !errors.Is(err, errStackOverflow) {
		t.Errorf("10,000,000 calls deep: %v; want %v", err, errStackOverflow)
	}
}

func TestCallsThroughTheTableCountAsDeep(t *testing.T) {
	g := start(t, build(t, []fn{{"", "", "", "i32.const 0 call_indirect 0 0"}}, table(wasm.FuncRef, 0)), generous())
	if _, _, err := g.call("f0"); !errors.Is(err, errStackOverflow) {
		t.Errorf("%v; want %v", err, errStackOverflow)
	}
}

// A frame holds the operands that outlive a call, and so counts for them.
func TestFramesWithManyOperandsCountForMore(t *testing.T) {
	deepest := func(operands int) uint64 {
		body := "global.get 0 i32.const 1 i32.add global.set 0 " + strings.Repeat("global.get 0 ", operands) + "call 0" + strings.Repeat(" drop", operands)
		g := start(t, build(t, []fn{{"", "", "", body}}, func(m *wasm.Module) {
			m.Globals = []wasm.Global{{Type: wasm.GlobalType{Type: wasm.I32, Mutable: true}, Init: assembleConst(0)}}
		}), generous())
		if _, _, err := g.call("f0"); !errors.Is(err, errStackOverflow) {
			t.Errorf("%v; want %v", err, errStackOverflow)
		}
		return g.global(weave.ExportGlobal + "0").Get()
	}
	few, many := deepest(1), deepest(1000)
	if many*1000*8 > weave.DefaultStackBytes || few < 50_000 {
		t.Errorf("calls are nested %d deep with one operand, %d with a thousand", few, many)
	}
}

// A return, a branch to the function's label and a br_table to it all give back what
// the function has counted.
func TestEveryWayOutGivesTheStackBack(t *testing.T) {
	g := start(t, build(t, []fn{
		{"i32", "i32", "", `call 1 block - block - block - local.get 0 br_table 3 0 1 2
			end i32.const 10 return end i32.const 11 br 1 end i32.const 12 i32.const 0 br_table 1 0`},
		{"", "", "", ""},
	}), generous())
	for arg, want := range []uint64{10, 11, 12} {
		got, _, err := g.call("f0", uint64(arg))
		if err != nil || got[0] != want {
			t.Errorf("f0(%d) = %v, %v; want %d", arg, got, err, want)
		}
	}
	if left := int64(g.global(weave.ExportStack).Get()); left != weave.DefaultStackBytes {
		t.Errorf("%d bytes of stack are left; want %d", left, weave.DefaultStackBytes)
	}
}

// bulkModule has functions for memory.fill, memory.copy and memory.init of two
// passive segments, one longer than a chunk, and data.drop of that.
func bulkModule(t *testing.T) []byte {
	args := "local.get 0 local.get 1 local.get 2 "
	return build(t, []fn{
		{"i32 i32 i32", "", "", args + "memory.fill"},
		{"i32 i32 i32", "", "", args + "memory.copy"},
		{"i32 i32 i32", "", "", args + "memory.init 0"},
		{"i32 i32 i32", "", "", args + "memory.init 1"},
		{"i32 i32 i32", "", "", "data.drop 0"},
	}, func(m *wasm.Module) {
		m.Memories[0] = wasm.Limits{Min: 5, Max: 5, HasMax: true}
		m.DataCount = true
		m.Data = []wasm.Data{{Mode: wasm.Passive, Bytes: pattern(3*weave.Chunk + 5)}, {Mode: wasm.Passive, Bytes: []byte("short")}}
	})
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

func TestBulkInstructionsDoWhatTheyDidUnwoven(t *testing.T) {
	const size, chunk = 5 << 16, weave.Chunk
	offsets := []uint64{0, 1, chunk - 1, 2*chunk + 3, size - chunk - 1, size, size + 1, math.MaxUint32}
	lengths := []uint64{0, 1, chunk, chunk + 1, 3*chunk + 5, 3*chunk + 6, size, math.MaxUint32}
	r := wazero.NewRuntime(t.Context())
	defer r.Close(t.Context())
	plain, err := r.Instantiate(t.Context(), bulkModule(t))
	if err != nil {
		t.Fatal(err)
	}
	g := start(t, bulkModule(t), generous())
	for _, functions := range [][]string{{"f0", "f1", "f2", "f3"}, {"f4", "f2"}} { // f4 drops the segment of f2
		for _, f := range functions {
			for _, to := range offsets {
				for _, from := range offsets {
					for _, n := range lengths {
						for _, m := range []api.Module{plain, g} {
							m.Memory().Write(0, pattern(size))
						}
						_, err := plain.ExportedFunction(f).Call(t.Context(), to, from, n)
						_, fuel, wovenErr := g.call(f, to, from, n)
						if outcome(nil, err) != outcome(nil, wovenErr) {
							t.Fatalf("%s(%d, %d, %d): %v; woven: %v", f, to, from, n, err, wovenErr)
						}
						if want := 3*weave.CostPlain + weave.CostCall + int64(n/weave.BytesPerUnit); err == nil && f != "f4" && fuel != want {
							t.Fatalf("%s(%d, %d, %d) charged %d; want %d", f, to, from, n, fuel, want)
						}
						a, _ := plain.Memory().Read(0, size)
						b, _ := g.Memory().Read(0, size)
						if !bytes.Equal(a, b) {
							t.Fatalf("%s(%d, %d, %d) leaves another memory", f, to, from, n)
						}
					}
				}
			}
		}
	}
}

func TestLongMovesYieldOnTheWay(t *testing.T) {
	const size = 5 << 16
	g := start(t, bulkModule(t), generous())
	g.slice = weave.Chunk / weave.BytesPerUnit
	if _, _, err := g.call("f0", 0, 1, size); err != nil || g.yields < size/weave.Chunk {
		t.Errorf("%d yields while %d bytes were filled, %v; want one for each chunk", g.yields, size, err)
	}
}

func TestGrowingIsChargedByThePage(t *testing.T) {
	g := start(t, build(t, []fn{{"i32", "i32", "", "local.get 0 memory.grow"}}), weave.Options{MemoryPages: 10})
	const fixed = weave.CostPlain + weave.CostCall
	for _, step := range []struct {
		pages, want uint64
		fuel        int64
	}{
		{0, 1, fixed},
		{4, 1, fixed + 4*weave.CostPage},
		{6, math.MaxUint32, fixed}, // beyond the limit
		{5, 5, fixed + 5*weave.CostPage},
		{1, math.MaxUint32, fixed},
		{math.MaxUint32, math.MaxUint32, fixed},
	} {
		got, fuel, err := g.call("f0", step.pages)
		if err != nil || got[0] != step.want || fuel != step.fuel {
			t.Errorf("memory.grow %d = %v for %d units, %v; want %d for %d", step.pages, got, fuel, err, step.want, step.fuel)
		}
	}
}

func TestTouchedTellsWhatAResetCannotRestore(t *testing.T) {
	tests := []struct {
		name, body string
		want       uint64
	}{
		{"nothing", "", 0},
		{"store", "i32.const 0 i32.const 1 i32.store", 0},
		{"memory.grow", "i32.const 1 memory.grow drop", 0}, // the memory's size shows it
		{"memory.init", "i32.const 0 i32.const 0 i32.const 1 memory.init 0", 0},
		{"table.get", "i32.const 0 table.get 0 drop", 0},
		{"table.size", "table.size 0 drop", 0},
		{"global.set of a number", "i32.const 1 global.set 0", 0},
		{"global.set of a reference", "ref.null funcref global.set 1", 1},
		{"global.set of a vector", "i32.const 1 i8x16.splat global.set 2", 1},
		{"table.set", "i32.const 0 ref.null funcref table.set 0", 1},
		{"table.grow", "ref.null funcref i32.const 1 table.grow 0 drop", 1},
		{"table.fill", "i32.const 0 ref.null funcref i32.const 1 table.fill 0", 1},
		{"table.copy", "i32.const 0 i32.const 1 i32.const 1 table.copy 0 0", 1},
		{"table.init", "i32.const 0 i32.const 0 i32.const 1 table.init 1 0", 1},
		{"elem.drop", "elem.drop 1", 1},
		{"data.drop", "data.drop 0", 1},
		{"data.drop of an active segment", "data.drop 1", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := start(t, build(t, []fn{{"", "", "", test.body}}, table(wasm.FuncRef, 0), func(m *wasm.Module) {
				m.Elements = append(m.Elements, wasm.Element{Mode: wasm.Passive, Type: wasm.FuncRef, Functions: []uint32{0}})
				m.DataCount = true
				m.Data = []wasm.Data{{Mode: wasm.Passive, Bytes: []byte("x")}, {Mode: wasm.Active, Offset: assembleConst(0), Bytes: []byte("y")}}
				m.Globals = []wasm.Global{
					{Type: wasm.GlobalType{Type: wasm.I32, Mutable: true}, Init: assemble(t, "i32.const 0 end")},
					{Type: wasm.GlobalType{Type: wasm.FuncRef, Mutable: true}, Init: assemble(t, "ref.func 0 end")},
					{Type: wasm.GlobalType{Type: wasm.V128, Mutable: true}, Init: assemble(t, "v128.const 0 end")},
				}
			}), generous())
			if _, _, err := g.call("f0"); err != nil {
				t.Fatal(err)
			}
			if got := g.global(weave.ExportTouched).Get(); got != test.want {
				t.Errorf("touched is %d; want %d", got, test.want)
			}
		})
	}
}

func TestTableInstructionsAreChargedByLength(t *testing.T) {
	elements := make([]uint32, 1000)
	g := start(t, build(t, []fn{
		{"i32 i32", "", "", "local.get 0 ref.null funcref local.get 1 table.fill 0"},
		{"i32 i32", "", "", "local.get 0 i32.const 0 local.get 1 table.copy 0 0"},
		{"i32 i32", "", "", "local.get 0 i32.const 0 local.get 1 table.init 0 0"},
		{"i32 i32", "", "", "ref.null funcref local.get 1 table.grow 0 drop"},
	}, func(m *wasm.Module) {
		m.Tables = []wasm.TableType{{Type: wasm.FuncRef, Limits: wasm.Limits{Min: 1000}}}
		m.Elements = []wasm.Element{{Mode: wasm.Passive, Type: wasm.FuncRef, Functions: elements}}
	}), weave.Options{MemoryPages: 1, TableElements: 2500, StackBytes: weave.DefaultStackBytes})
	const fixed = 3*weave.CostPlain + weave.CostCall
	for i := range 4 {
		name := fmt.Sprint("f", i)
		for _, n := range []uint64{0, 3, 4, 1000} {
			_, fuel, err := g.call(name, 0, n)
			if want := fixed + int64(n/weave.ElementsPerUnit); err != nil || fuel != want {
				t.Errorf("%s of %d elements charged %d, %v; want %d", name, n, fuel, err, want)
			}
		}
	}
	for _, name := range []string{"f0", "f1", "f2"} {
		for _, args := range [][2]uint64{{3000, 0}, {0, 3000}, {1500, 1000}, {math.MaxUint32, math.MaxUint32}} {
			if _, _, err := g.call(name, args[0], args[1]); err == nil || !strings.Contains(err.Error(), "invalid table access") {
				t.Errorf("%s%v: %v; want a trap", name, args, err)
			}
		}
	}
	if _, fuel, err := g.call("f3", 0, math.MaxUint32); err != nil || fuel > 10 {
		t.Errorf("growing beyond the limit charged %d, %v", fuel, err)
	}
}

func TestNumericGlobalsAreExported(t *testing.T) {
	g := start(t, build(t, []fn{{"", "", "", "f64.const 5 global.set 3"}}, func(m *wasm.Module) {
		for _, global := range []struct {
			t       string
			mutable bool
		}{{"i32", true}, {"i64", false}, {"funcref", true}, {"f64", true}, {"v128", true}, {"i64", true}} {
			kind := valueTypes(global.t)[0]
			init := global.t + ".const 0 end"
			if kind.IsReference() {
				init = "ref.null funcref end"
			}
			m.Globals = append(m.Globals, wasm.Global{Type: wasm.GlobalType{Type: kind, Mutable: global.mutable}, Init: assemble(t, init)})
		}
	}), generous())
	var got []string
	for i := range 20 {
		if g.ExportedGlobal(fmt.Sprint(weave.ExportGlobal, i)) != nil {
			got = append(got, fmt.Sprint(i))
		}
	}
	if diff := cmp.Diff([]string{"0", "3", "5"}, got); diff != "" {
		t.Errorf("exported globals: %s", diff)
	}
	if _, _, err := g.call("f0"); err != nil || g.global(weave.ExportGlobal+"3").Get() != 5 {
		t.Errorf("global 3 is %d after it was set, %v", g.global(weave.ExportGlobal+"3").Get(), err)
	}
}

func TestActiveDataIsWrittenByAFunction(t *testing.T) {
	tests := []struct {
		name string
		data []wasm.Data
		want map[uint32]string
	}{
		{"none", nil, nil},
		{"one", []wasm.Data{{Offset: assembleConst(10), Bytes: []byte("abc")}}, map[uint32]string{9: "\x00abc\x00"}},
		{"joined over a gap", []wasm.Data{{Offset: assembleConst(10), Bytes: []byte("abc")}, {Offset: assembleConst(20), Bytes: []byte("def")}},
			map[uint32]string{10: "abc", 13: "\x00\x00\x00\x00\x00\x00\x00def"}},
		{"later over earlier", []wasm.Data{{Offset: assembleConst(10), Bytes: []byte("abcdef")}, {Offset: assembleConst(12), Bytes: []byte("XY")}},
			map[uint32]string{10: "abXYef"}},
		{"a gap does not hide what is there", []wasm.Data{{Offset: assembleConst(13), Bytes: []byte("!")}, {Offset: assembleConst(10), Bytes: []byte("ab")}, {Offset: assembleConst(15), Bytes: []byte("cd")}},
			map[uint32]string{10: "ab\x00!\x00cd"}},
		{"far apart", []wasm.Data{{Offset: assembleConst(0), Bytes: []byte("a")}, {Offset: assembleConst(65535), Bytes: []byte("z")}},
			map[uint32]string{0: "a\x00", 65535: "z"}},
		{"among passive ones", []wasm.Data{{Mode: wasm.Passive, Bytes: []byte("first")}, {Offset: assembleConst(1), Bytes: []byte("a")}, {Mode: wasm.Passive, Bytes: []byte("second")}},
			map[uint32]string{1: "a", 100: "second", 200: "first"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			binary := build(t, []fn{{"", "", "", ""}}, func(m *wasm.Module) {
				m.Data = test.data
				m.DataCount = true
				if len(test.data) == 3 && test.data[0].Mode == wasm.Passive {
					m.Code[0].Body = assemble(t, "i32.const 100 i32.const 0 i32.const 6 memory.init 2 i32.const 200 i32.const 0 i32.const 5 memory.init 0 end")
				}
			})
			original := slices.Clone(binary)
			woven := weaveBytes(t, binary, generous())
			if !bytes.Equal(binary, original) {
				t.Error("Weave changed the bytes that the module was read from")
			}
			m, err := wasm.Read(woven, wasm.DefaultBounds())
			if err != nil {
				t.Fatal(err)
			}
			for i, d := range m.Data {
				if d.Mode != wasm.Passive {
					t.Errorf("data segment %d is still active", i)
				}
			}
			g := startOn(t, wazero.NewRuntime(t.Context()), woven)
			if _, _, err := g.call("f0"); err != nil {
				t.Fatal(err)
			}
			for at, want := range test.want {
				if got, _ := g.Memory().Read(at, uint32(len(want))); string(got) != want {
					t.Errorf("at %d is %q; want %q", at, got, want)
				}
			}
		})
	}
}

func TestActiveSegmentsAreDroppedForTheModule(t *testing.T) {
	g := start(t, build(t, []fn{
		{"i32", "", "", "i32.const 0 i32.const 0 local.get 0 memory.init 0"},
		{"", "", "", "data.drop 0"},
	}, func(m *wasm.Module) {
		m.DataCount = true
		m.Data = []wasm.Data{{Offset: assembleConst(0), Bytes: []byte("abc")}}
	}), generous())
	for range 2 {
		if _, _, err := g.call("f0", 0); err != nil {
			t.Errorf("memory.init of no bytes: %v", err)
		}
		if _, _, err := g.call("f0", 1); err == nil || !strings.Contains(err.Error(), "out of bounds") {
			t.Errorf("memory.init of one byte: %v; want a trap", err)
		}
		if _, _, err := g.call("f1"); err != nil {
			t.Errorf("data.drop: %v", err)
		}
	}
}

func TestDataOutOfBoundsTraps(t *testing.T) {
	binary := build(t, nil, func(m *wasm.Module) {
		m.Data = []wasm.Data{{Offset: assembleConst(65530), Bytes: []byte("seven b")}}
	})
	r := wazero.NewRuntime(t.Context())
	defer r.Close(t.Context())
	provideYield(t, r, func(int64) int64 { return plenty })
	m, err := r.Instantiate(t.Context(), weaveBytes(t, binary, generous()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.ExportedFunction(weave.ExportData).Call(t.Context()); err == nil || !strings.Contains(err.Error(), "out of bounds") {
		t.Errorf("%v; want a trap", err)
	}
}

func TestLimitsAreLoweredNeverRaised(t *testing.T) {
	limits := func(min uint32, max ...uint32) wasm.Limits {
		l := wasm.Limits{Min: min}
		if len(max) > 0 {
			l.Max, l.HasMax = max[0], true
		}
		return l
	}
	for _, test := range []struct {
		own, want wasm.Limits
		refused   bool
	}{
		{own: limits(1), want: limits(1, 100)},
		{own: limits(1, 50), want: limits(1, 50)},
		{own: limits(1, 500), want: limits(1, 100)},
		{own: limits(100), want: limits(100, 100)},
		{own: limits(101), refused: true},
	} {
		binary := build(t, nil, func(m *wasm.Module) {
			m.Memories = []wasm.Limits{test.own}
			m.Tables = []wasm.TableType{{Type: wasm.FuncRef, Limits: test.own}}
		})
		m, err := wasm.Read(binary, wasm.DefaultBounds())
		if err != nil {
			t.Fatal(err)
		}
		err = weave.Weave(m, weave.Options{MemoryPages: 100, TableElements: 100})
		if (err != nil) != test.refused {
			t.Errorf("%v: %v", test.own, err)
		}
		if err == nil && (m.Memories[0] != test.want || m.Tables[0].Limits != test.want) {
			t.Errorf("%v becomes %v and %v; want %v", test.own, m.Memories[0], m.Tables[0].Limits, test.want)
		}
	}
}

func TestEveryWayToNameAFunctionMovesWithIt(t *testing.T) {
	g := start(t, build(t, []fn{
		{"", "i32", "", "i32.const 41 call 0"},
		{"", "i32", "", "call 1"},
		{"", "i32", "", "i32.const 0 call_indirect 0 0"},
		{"", "i32", "", "i32.const 1 call_indirect 0 0"},
		{"", "i32", "", "i32.const 2 ref.func 1 table.set 0 i32.const 2 call_indirect 0 0"},
		{"", "i32", "", "i32.const 3 global.get 0 table.set 0 i32.const 3 call_indirect 0 0"},
	}, importNext, func(m *wasm.Module) {
		m.Tables = []wasm.TableType{{Type: wasm.FuncRef, Limits: wasm.Limits{Min: 10}}}
		m.Elements = []wasm.Element{
			{Offset: assembleConst(0), Type: wasm.FuncRef, Functions: []uint32{1}},
			{Offset: assembleConst(1), Type: wasm.FuncRef, Exprs: []wasm.Expr{assemble(t, "ref.func 1 end")}},
		}
		m.Globals = []wasm.Global{{Type: wasm.GlobalType{Type: wasm.FuncRef}, Init: assemble(t, "ref.func 1 end")}}
	}), generous())
	for i := range 6 {
		if got, _, err := g.call(fmt.Sprint("f", i)); err != nil || got[0] != 42 {
			t.Errorf("f%d = %v, %v; want 42", i, got, err)
		}
	}
}

func TestCustomSectionsAreDropped(t *testing.T) {
	binary := append(build(t, nil), 0, 5, 4, 'n', 'a', 'm', 'e')
	if woven := weaveBytes(t, binary, generous()); bytes.Contains(woven, []byte("\x04name")) {
		t.Error("the name section is still there")
	}
}
