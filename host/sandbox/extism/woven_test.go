package extism_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/postern-dev/postern/host/sandbox/extism"
	"github.com/postern-dev/postern/host/sandbox/wasm"
	"github.com/postern-dev/postern/host/sandbox/weave"
)

// yielder answers woven code that has no fuel left.
type yielder interface{ yield() int64 }

// unmetered hands out fuel without end.
type unmetered struct{}

func (*unmetered) yield() int64 { return 1 << 40 }

// rationed ends the guest after some yields.
type rationed struct{ left int }

func (r *rationed) yield() int64 {
	if r.left--; r.left < 0 {
		panic(errEnded)
	}
	return 1000
}

func weaveAndCompile(t *testing.T, m *wasm.Module, y yielder) *extism.Module {
	t.Helper()
	read, err := wasm.Read(m.Bytes(), wasm.DefaultBounds())
	if err != nil {
		t.Fatal(err)
	}
	if err := weave.Weave(read, weave.Options{MemoryPages: maxMemory >> 16, TableElements: 1000, StackBytes: weave.DefaultStackBytes}); err != nil {
		t.Fatal(err)
	}
	one := []byte{byte(wasm.I64)}
	return compileBytes(t, read.Bytes(), append(lent(), extism.Function{
		Module: weave.ImportModule, Name: weave.ImportYield, Params: one, Results: one,
		Call: func(_ context.Context, _ extism.Memory, stack []uint64) { stack[0] = uint64(y.yield()) },
	}))
}

func TestWovenGuestRunsAsBefore(t *testing.T) {
	module := weaveAndCompile(t, guest{invoke: echo()}.module(), new(unmetered))
	for range 2 {
		got, err := module.Invoke(context.Background(), maxMemory, []byte(`{"abi":1}`), &scripted{})
		if err != nil || string(got) != `{"abi":1}` {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

func TestWovenGuestFindsItsData(t *testing.T) {
	g := guest{
		pages:      1,
		initialise: slices.Concat(i32(7), i32(7), load8, i32(1), []byte{0x6a}, store8),
		invoke:     slices.Concat(text(0, "x"), i32(7), load8, set32(), output(0), success),
		change: func(m *wasm.Module) {
			m.Data = []wasm.Data{{Mode: wasm.Active, Offset: append(i32(7), 0x0b), Bytes: []byte("a")}}
		},
	}
	got, err := weaveAndCompile(t, g.module(), new(unmetered)).Invoke(context.Background(), maxMemory, []byte("{}"), &scripted{})
	if err != nil || string(got) != "b" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestWovenGuestEndsWhenItsFuelDoes(t *testing.T) {
	endless := slices.Concat(forever, again, unreachable)
	for name, g := range map[string]guest{
		"invocation":  {invoke: endless},
		"initialiser": {initialise: endless[:len(endless)-1], invoke: success},
	} {
		_, err := weaveAndCompile(t, g.module(), &rationed{left: 10}).Invoke(context.Background(), maxMemory, []byte("{}"), &scripted{})
		if !errors.Is(err, errEnded) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
