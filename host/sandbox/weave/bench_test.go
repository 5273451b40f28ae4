package weave_test

import (
	"context"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/postern-dev/postern/host/sandbox/wasm"
	"github.com/postern-dev/postern/host/sandbox/weave"
)

// BenchmarkRun compares what code takes as it is and woven.
func BenchmarkRun(b *testing.B) {
	const turns = 1_000_000
	for _, c := range []struct {
		name string
		f    fn
		arg  uint64
	}{
		{"TightestLoop", fn{"i32", "", "", "loop - local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end"}, turns},
		{"LoopWithLoad", fn{"i32", "i32", "i32", "loop - local.get 1 local.get 0 i32.const 0xfffc i32.and i32.load i32.add local.set 1 local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end local.get 1"}, turns},
		{"LoopWithCall", fn{"i32", "", "", "loop - i32.const 0 if - i32.const 0 call 0 end local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end"}, turns},
		{"Dispatch", fn{"i32", "i32", "i32", dispatchBody}, turns},
		{"Fibonacci", fn{"i32", "i32", "", "local.get 0 i32.const 2 i32.lt_u if i32 local.get 0 else local.get 0 i32.const 1 i32.sub call 0 local.get 0 i32.const 2 i32.sub call 0 i32.add end"}, 20},
		{"ShortCopies", fn{"i32", "", "", "loop - i32.const 0 i32.const 100 i32.const 32 memory.copy local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end"}, turns / 10},
	} {
		binary := build(b, []fn{c.f})
		for _, kind := range []string{"unwoven", "woven"} {
			b.Run(c.name+"/"+kind, func(b *testing.B) {
				ctx := context.Background()
				r := wazero.NewRuntime(ctx)
				defer r.Close(ctx)
				provideYield(b, r, func(fuel int64) int64 { return fuel + 100_000 })
				module := binary
				if kind == "woven" {
					module = weaveBytes(b, binary, generous())
				}
				m, err := r.Instantiate(ctx, module)
				if err != nil {
					b.Fatal(err)
				}
				f, stack := m.ExportedFunction("f0"), []uint64{c.arg}
				for b.Loop() {
					stack[0] = c.arg
					if err := f.CallWithStack(ctx, stack); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkWeave weaves a module of many functions, as compilers write them.
func BenchmarkWeave(b *testing.B) {
	var functions []fn
	for range 2000 {
		functions = append(functions, fn{"i32", "i32", "i32", dispatchBody + " i32.load i32.const 0 call 1" + dispatchBody[1:] + " i32.add i32.add"})
	}
	functions[1] = fn{"i32", "i32", "", "local.get 0"}
	binary := build(b, functions)
	b.SetBytes(int64(len(binary)))
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		m, err := wasm.Read(binary, wasm.DefaultBounds())
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := weave.Weave(m, generous()); err != nil {
			b.Fatal(err)
		}
	}
}
