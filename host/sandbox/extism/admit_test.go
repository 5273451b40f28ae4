package extism_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/sandbox/extism"
	"github.com/postern-dev/postern/host/sandbox/wasm"
)

func compileError(woven []byte) (*extism.Module, error) {
	return extism.Compile(context.Background(), woven, extism.Config{Runtime: wazero.NewRuntimeConfig(), Functions: lent()})
}

func TestModuleIsRefused(t *testing.T) {
	importing := func(module, name string) func(*wasm.Module) {
		return func(m *wasm.Module) { m.Imports[0].Module, m.Imports[0].Name = module, name }
	}
	exporting := func(name string, index int) func(*wasm.Module) {
		return func(m *wasm.Module) { m.Exports = append(m.Exports, wasm.Export{Name: name, Index: uint32(index)}) }
	}
	invoke := len(imports)
	tests := []struct {
		name   string
		change func(*wasm.Module)
		why    string
	}{
		{"HTTP", importing("extism:host/env", "http_request"), "Extism's HTTP, variables and configuration are off"},
		{"status of HTTP", importing("extism:host/env", "http_status_code"), "are off"},
		{"variables", importing("extism:host/env", "var_set"), "are off"},
		{"configuration", importing("extism:host/env", "config_get"), "are off"},
		{"function of the kernel that is the host's", importing("extism:host/env", "reset"), `"reset", which extism/1 does not offer`},
		{"function of Extism by another module's name", importing("env", "alloc"), `"env"."alloc", which extism/1 does not offer`},
		{"function of postern/1", importing("postern", "request"), `"postern"."request", which extism/1 does not offer`},
		{"function that is not lent", importing("wasi_snapshot_preview1", "fd_write"), "does not offer"},
		{"guarded function by its own name", importing("postern:extism", "alloc"), "does not offer"},
		{"function by another type", importing("extism:host/env", "free"), "by another type"},
		{"lent function by another type", func(m *wasm.Module) { m.Imports[len(imports)-1].Type = 1 }, "by another type"},
		{"memory", func(m *wasm.Module) { m.Imports[0].Kind = wasm.ExternMemory }, "imports the memory"},
		{"global", func(m *wasm.Module) { m.Imports[0].Kind = wasm.ExternGlobal }, "imports the global"},
		{"no export", func(m *wasm.Module) { m.Exports = m.Exports[:1] }, "does not export postern_invoke"},
		{"export of the type of postern/1", func(m *wasm.Module) { m.Types[len(imports)].Params = []wasm.ValueType{wasm.I32} }, "postern_invoke has another type"},
		{"export that is a memory", func(m *wasm.Module) { m.Exports[0].Name, m.Exports[1].Name = "postern_invoke", "f" }, "postern_invoke has another type"},
		{"export that is an import", func(m *wasm.Module) { m.Exports[1].Index = 0 }, "postern_invoke has another type"},
		{"export of an index beyond", func(m *wasm.Module) { m.Exports[1].Index = 1 << 31 }, "postern_invoke has another type"},
		{"command", exporting("_start", invoke), "it is a command"},
		{"Haskell", exporting("hs_init", invoke), "Haskell"},
		{"initialiser with a result", exporting("_initialize", invoke), "_initialize has another type"},
		{"constructors with a result", exporting("__wasm_call_ctors", invoke), "__wasm_call_ctors has another type"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := extism.Admit(guest{invoke: success, change: test.change}.module(), lent())
			if !errors.Is(err, abi.PluginFailed) || !strings.Contains(err.Error(), test.why) {
				t.Errorf("error = %v, want %q", err, test.why)
			}
		})
	}
}
