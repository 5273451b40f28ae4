package sandbox

import (
	"errors"
	"runtime"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/conformance/wat"
	"github.com/postern-dev/postern/host/sandbox/extism"
)

// The engine gives a module the memory that it starts with, whatever the limit.
func TestForeignModuleThatStartsTooLargeGetsNoMemory(t *testing.T) {
	r := New(Config{})
	defer r.Close(t.Context())
	binary, err := wat.Assemble([]byte(`(module (memory (export "memory") 4096)
		(func (export "postern_invoke") (result i32) (i32.const 0)))`))
	if err != nil {
		t.Fatal(err)
	}
	m, err := r.Compile(t.Context(), Bytes(extism.Name, binary))
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err = m.Invoke(t.Context(), Limits{Memory: 4 << 20, Fuel: 1_000_000}, []byte("{}"), silentHost{})
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; !errors.Is(err, abi.MemoryExhausted) || took > 4<<20 {
		t.Errorf("it ends with %v and took %d bytes", err, took)
	}
}
