package sandbox

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/sandbox/wasm"
	"github.com/postern-dev/postern/host/sandbox/weave"
)

// refusing is a host whose policy grants nothing.
type refusing struct{ asked int }

var errNothingGranted = &abi.Error{Code: abi.PolicyDenied, Message: "nothing is granted"}

func (h *refusing) Exchange(context.Context, []byte) ([]byte, error) {
	h.asked++
	return nil, errNothingGranted
}

func (h *refusing) Output(context.Context, []byte) {}

// caller is a module that calls one function with zeros and then responds.
func caller(module string, f function) []byte {
	typed := func(types []byte) (out []wasm.ValueType) {
		for _, t := range types {
			out = append(out, wasm.ValueType(t))
		}
		return out
	}
	var body []byte
	add := func(i wasm.Instruction) { body = wasm.AppendInstruction(body, &i) }
	for _, p := range f.params {
		if p == i64 {
			add(wasm.Instruction{Op: wasm.OpI64Const})
		} else {
			add(wasm.Instruction{Op: wasm.OpI32Const})
		}
	}
	add(wasm.Instruction{Op: wasm.OpCall})
	for range f.results {
		add(wasm.Instruction{Op: wasm.OpDrop})
	}
	add(wasm.Instruction{Op: wasm.OpI32Const})
	add(wasm.Instruction{Op: wasm.OpI32Const, Value: 2})
	add(wasm.Instruction{Op: wasm.OpCall, Index: 1})
	add(wasm.Instruction{Op: wasm.OpI32Const})
	add(wasm.Instruction{Op: wasm.OpEnd})
	respond := posternFunctions()[2]
	m := &wasm.Module{
		Types: []wasm.FuncType{
			{Params: typed(f.params), Results: typed(f.results)},
			{Params: typed(respond.params)},
			{Params: []wasm.ValueType{wasm.I32}, Results: []wasm.ValueType{wasm.I32}},
		},
		Imports: []wasm.Import{
			{Module: module, Name: f.name, Kind: wasm.ExternFunction, Type: 0},
			{Module: abi.Module, Name: respond.name, Kind: wasm.ExternFunction, Type: 1},
		},
		Functions: []uint32{2},
		Memories:  []wasm.Limits{{Min: 1}},
		Exports: []wasm.Export{
			{Name: abi.ExportInvoke, Kind: wasm.ExternFunction, Index: 2},
			{Name: abi.ExportMemory, Kind: wasm.ExternMemory},
		},
		Code: []wasm.Code{{Body: body}},
	}
	return m.Bytes()
}

// Every function that the host offers is called while nothing is granted. What it says of its
// reach must be so: only one that says that it goes through the host may get
// there, and the refusal ends the invocation.
func TestEveryHostFunctionIsRefusedWithEmptyGrants(t *testing.T) {
	r := New(Config{})
	t.Cleanup(func() { r.Close(context.Background()) })
	through := 0
	for module, functions := range registry() {
		for _, f := range functions {
			t.Run(module+"."+f.name, func(t *testing.T) {
				m, err := r.Compile(t.Context(), Bytes(abi.Name, caller(module, f)))
				if module == weave.ImportModule {
					if !errors.Is(err, abi.PluginFailed) {
						t.Fatalf("a guest may import it: %v", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				host := &refusing{}
				_, _, err = m.Invoke(t.Context(), Limits{Memory: 1 << 20, Fuel: 1_000_000}, []byte("{}"), host)
				switch f.reach {
				case itself:
					if host.asked != 0 || errors.Is(err, abi.PolicyDenied) {
						t.Errorf("it says that it reaches the guest itself only, and asked the host %d times: %v", host.asked, err)
					}
				case throughHost:
					through++
					if host.asked != 1 || !errors.Is(err, errNothingGranted) {
						t.Errorf("the host was asked %d times, and Invoke = %v; want its refusal", host.asked, err)
					}
				default:
					t.Error("nothing says what it can reach")
				}
			})
		}
	}
	if through != 1 {
		t.Errorf("%d functions reach beyond the guest; the ABI has one", through)
	}
}

func TestFunctionOfWhichNobodySaidWhatItReachesIsNotLinked(t *testing.T) {
	engine := wazero.NewRuntime(t.Context())
	t.Cleanup(func() { engine.Close(context.Background()) })
	err := link(t.Context(), engine, map[string][]function{"postern": {{name: "peek", call: receive}}})
	if err == nil || !strings.Contains(err.Error(), "postern.peek") {
		t.Errorf("link = %v; want an error that names postern.peek", err)
	}
}
