package sandbox

import (
	"context"
	"fmt"
	"runtime"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/postern-dev/postern/abi"
)

// Runtime compiles and runs modules. It is safe for concurrent use.
type Runtime struct {
	engine wazero.Runtime
}

// New starts the engine and links the functions that guests may import. Close it
// after the last invocation has ended.
func New(ctx context.Context) (*Runtime, error) {
	config := wazero.NewRuntimeConfig().
		WithCoreFeatures(api.CoreFeaturesV2).
		WithMemoryLimitPages(MaxMemory / pageSize).
		WithCloseOnContextDone(true).
		WithDebugInfoEnabled(false)
	engine := wazero.NewRuntimeWithConfig(ctx, config)
	for _, module := range []struct {
		name      string
		functions []function
	}{{abi.Module, posternFunctions()}, {wasiModule, wasiFunctions()}} {
		builder := engine.NewHostModuleBuilder(module.name)
		for _, f := range module.functions {
			builder.NewFunctionBuilder().
				WithGoModuleFunction(hostFunction(f.call), f.params, f.results).
				Export(f.name)
		}
		if _, err := builder.Instantiate(ctx); err != nil {
			engine.Close(ctx)
			return nil, fmt.Errorf("sandbox: link %s: %w", module.name, err)
		}
	}
	return &Runtime{engine: engine}, nil
}

// Close ends every instance and frees all compiled modules.
func (r *Runtime) Close(ctx context.Context) error { return r.engine.Close(ctx) }

// Compile admits the module and compiles it. wasm is not kept. The error is an
// [*abi.Error] with plugin_failed that tells what the module does that it must not.
func (r *Runtime) Compile(ctx context.Context, wasm []byte) (*Module, error) {
	if len(wasm) > MaxModule {
		return nil, refuse("the module has %d bytes; at most %d are admitted", len(wasm), MaxModule)
	}
	ctx = experimental.WithCompilationWorkers(ctx, runtime.GOMAXPROCS(0))
	compiled, err := r.engine.CompileModule(ctx, wasm)
	if err != nil {
		return nil, refuse("not a WebAssembly 2.0 module: %v", err)
	}
	if err := admit(compiled); err != nil {
		compiled.Close(ctx)
		return nil, err
	}
	_, initialise := compiled.ExportedFunctions()[abi.ExportInitialize]
	return &Module{runtime: r, compiled: compiled, initialise: initialise}, nil
}

func refuse(format string, args ...any) *abi.Error {
	return &abi.Error{Code: abi.PluginFailed, Message: "module refused: " + fmt.Sprintf(format, args...)}
}
