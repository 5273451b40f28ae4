package sandbox_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/conformance/wat"
	"github.com/postern-dev/postern/host/sandbox"
)

// Read is called on a goroutine of its own: without it, the process would end there. Modules without a
// digest would be one and the same to the cache.
func TestSourceThatLacksSomethingIsAnError(t *testing.T) {
	read := func() ([]byte, error) { return echo().wasm(), nil }
	for name, source := range map[string]sandbox.Source{
		"nothing": {},
		"Read":    {Kind: abi.Name, Digest: "x"},
		"Digest":  {Kind: abi.Name, Read: read},
	} {
		if _, err := newRuntime(t).Compile(t.Context(), source); err == nil || !strings.Contains(err.Error(), "must be set") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// clumsy is a host with a fault of its own.
type clumsy struct{ script }

func (*clumsy) Exchange(context.Context, []byte) ([]byte, error) { panic("a fault") }

func TestPanicOfTheHostIsNoFaultOfThePlugin(t *testing.T) {
	asks := guest{imports: posternImports(), pages: 1, invoke: slices.Concat(
		i32Const(0), i32Const(1), call(1), drop, i32Const(0))}
	_, _, err := compile(t, newRuntime(t), asks).Invoke(t.Context(), ample(), []byte("{}"), &clumsy{})
	if !errors.Is(err, abi.Internal) || !strings.Contains(err.Error(), "a fault") {
		t.Errorf("the invocation ends with %v; want internal", err)
	}
}

func TestRefusalOfAModuleForBrowsersTellsHowToBuildIt(t *testing.T) {
	binary, err := wat.Assemble([]byte(`(module (import "gojs" "runtime.wasmExit" (func (param i32))) (memory (export "memory") 1))`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = newRuntime(t).Compile(t.Context(), sandbox.Bytes(abi.Name, binary))
	if !errors.Is(err, abi.PluginFailed) || !strings.Contains(err.Error(), "GOOS=wasip1") {
		t.Errorf("the module is refused with %v", err)
	}
}
