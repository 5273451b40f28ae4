package peers

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/postern-dev/postern/host/sandbox"
	"github.com/postern-dev/postern/host/sandbox/wasm"
	"github.com/postern-dev/postern/host/sandbox/weave"
)

// ending is a way to end a guest that runs too long, or none.
type ending struct {
	name             string
	woven            bool
	closeContextDone bool
}

// endings are compared by the same module on the same engine: what differs is the
// code that asks whether to end.
func endings() []ending {
	return []ending{{name: "none"}, {name: "woven", woven: true}, {name: "CloseOnContextDone", closeContextDone: true}}
}

// BenchmarkParsing has a Go guest parse 100 KB of JSON. The endings take turns, so that a
// machine that is slower for a while is so for all of them.
func BenchmarkParsing(b *testing.B) {
	const rounds = 300
	document := []byte("p" + jsonDocument(100_000))
	var calls []func()
	for _, e := range endings() {
		module := e.instantiate(b, guest(b, "postern"), func() []byte { return document })
		if _, err := module.ExportedFunction("_initialize").Call(b.Context()); err != nil {
			b.Fatal(err)
		}
		invoke, ctx := module.ExportedFunction("postern_invoke"), e.context(b)
		calls = append(calls, func() {
			stack := [1]uint64{uint64(len(document))}
			if err := invoke.CallWithStack(ctx, stack[:]); err != nil {
				b.Fatal(err)
			}
		})
	}
	took := make([][]time.Duration, len(calls))
	for range rounds {
		for n, call := range calls {
			started := time.Now()
			call()
			took[n] = append(took[n], time.Since(started))
		}
	}
	for n, e := range endings() {
		slices.Sort(took[n])
		b.Run("ending="+e.name, func(b *testing.B) {
			b.ReportMetric(float64(took[n][rounds/2]), "p50-ns/op")
			b.ReportMetric(0, "ns/op")
		})
	}
}

const (
	// turns of the tight loop for each call, and how many loops there are.
	turns = 1_000_000
	loops = 16
)

// BenchmarkTightLoop counts down to zero: a loop with nothing in it. It takes one or two
// cycles for a turn by where the loop happens to lie in memory, woven or not, so
// it is taken at sixteen places, each one byte of code further on, one after another.
func BenchmarkTightLoop(b *testing.B) {
	m := &wasm.Module{Types: []wasm.FuncType{{Params: []wasm.ValueType{wasm.I32}}, {Params: []wasm.ValueType{wasm.I32}, Results: []wasm.ValueType{wasm.I32}}}}
	for n := range loops {
		m.Functions = append(m.Functions, 0, 1)
		m.Code = append(m.Code, wasm.Code{Body: countdown()}, wasm.Code{Body: padding(n)})
		m.Exports = append(m.Exports, wasm.Export{Name: fmt.Sprint("count", n), Kind: wasm.ExternFunction, Index: uint32(2 * n)})
	}
	for _, e := range endings() {
		b.Run("ending="+e.name, func(b *testing.B) {
			module := e.instantiate(b, m.Bytes(), nil)
			var counts []api.Function
			for n := range loops {
				counts = append(counts, module.ExportedFunction(fmt.Sprint("count", n)))
			}
			ctx := e.context(b)
			timed(b, func() {
				for _, count := range counts {
					stack := [1]uint64{turns}
					if err := count.CallWithStack(ctx, stack[:]); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

// countdown takes one from its parameter until it is zero.
func countdown() []byte {
	return body(
		wasm.Instruction{Op: wasm.OpLoop, Block: wasm.EmptyBlock},
		wasm.Instruction{Op: wasm.OpLocalGet}, wasm.Instruction{Op: wasm.OpI32Const, Value: 1}, wasm.Instruction{Op: wasm.OpI32Sub},
		wasm.Instruction{Op: wasm.OpLocalTee}, wasm.Instruction{Op: wasm.OpBrIf},
		wasm.Instruction{Op: wasm.OpEnd}, wasm.Instruction{Op: wasm.OpEnd},
	)
}

// padding is code of another length for every n.
func padding(n int) []byte {
	instructions := []wasm.Instruction{{Op: wasm.OpLocalGet}}
	for range n {
		instructions = append(instructions, wasm.Instruction{Op: wasm.OpLocalGet}, wasm.Instruction{Op: wasm.OpI32Mul})
	}
	return body(append(instructions, wasm.Instruction{Op: wasm.OpEnd})...)
}

func body(instructions ...wasm.Instruction) []byte {
	var b []byte
	for _, i := range instructions {
		b = wasm.AppendInstruction(b, &i)
	}
	return b
}

// context has a deadline, which costs only those who look at it.
func (e ending) context(b *testing.B) context.Context {
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	b.Cleanup(cancel)
	return ctx
}

// instantiate links the module with the least that it needs. receive is what
// waits for it.
func (e ending) instantiate(b *testing.B, binary []byte, receive func() []byte) api.Module {
	b.Helper()
	ctx := b.Context()
	if e.woven {
		m, err := wasm.Read(binary, wasm.DefaultBounds())
		if err != nil {
			b.Fatal(err)
		}
		if err := weave.Weave(m, weave.Options{MemoryPages: 4096, TableElements: 100_000, StackBytes: weave.DefaultStackBytes}); err != nil {
			b.Fatal(err)
		}
		binary = m.Bytes()
	}
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithCoreFeatures(api.CoreFeaturesV2).WithCloseOnContextDone(e.closeContextDone))
	b.Cleanup(func() { r.Close(context.Background()) })
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	postern := r.NewHostModuleBuilder("postern")
	postern.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, m api.Module, stack []uint64) {
		m.Memory().Write(uint32(stack[0]), receive())
	}), []api.ValueType{api.ValueTypeI32}, nil).Export("receive")
	nothing := api.GoModuleFunc(func(context.Context, api.Module, []uint64) {})
	pair := []api.ValueType{api.ValueTypeI32, api.ValueTypeI32}
	postern.NewFunctionBuilder().WithGoModuleFunction(nothing, pair, pair[:1]).Export("request")
	postern.NewFunctionBuilder().WithGoModuleFunction(nothing, pair, nil).Export("respond")
	fuel := r.NewHostModuleBuilder(weave.ImportModule)
	fuel.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, _ api.Module, stack []uint64) {
		stack[0] = sandbox.Slice
	}), []api.ValueType{api.ValueTypeI64}, []api.ValueType{api.ValueTypeI64}).Export(weave.ImportYield)
	for _, host := range []wazero.HostModuleBuilder{postern, fuel} {
		if _, err := host.Instantiate(ctx); err != nil {
			b.Fatal(err)
		}
	}
	module, err := r.InstantiateWithConfig(ctx, binary, wazero.NewModuleConfig().WithStartFunctions())
	if err != nil {
		b.Fatal(err)
	}
	if data := module.ExportedFunction(weave.ExportData); data != nil {
		if _, err := data.Call(ctx); err != nil {
			b.Fatal(err)
		}
	}
	return module
}
