package extism

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	sdk "github.com/extism/go-sdk"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/sys"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/sandbox/wasm"
	"github.com/postern-dev/postern/host/sandbox/weave"
)

// Name is the word that a manifest declares for this kind.
const Name = "extism/1"

// guardedModule is what the guest's imports of envModule are redirected to: the SDK
// has that name for functions of its own.
const guardedModule = "postern:extism"

// Config is what every module of a caller is compiled with.
type Config struct {
	// Runtime configures the engine, which each module gets one of. It must bound the
	// memory of a module, and should not close modules when a context is done: the
	// fuel that is woven in ends guests.
	Runtime wazero.RuntimeConfig
	// Functions are lent to guests: those that Admit was given, and those that weaving
	// added imports of.
	Functions []Function
}

// Module is a compiled module. It is safe for concurrent use.
type Module struct {
	compiled *sdk.CompiledPlugin
	// before are the exports to call before the invocation, in this order: woven
	// modules fill their memory by a call, before everything else of theirs runs.
	before []string
}

// Compile compiles a module that was admitted by [Admit] and then woven. woven is
// not kept. Close the module after its last invocation has ended.
func Compile(ctx context.Context, woven []byte, config Config) (*Module, error) {
	m, err := wasm.Read(woven, wovenBounds())
	if err != nil {
		return nil, fmt.Errorf("%s: read the woven module: %w", Name, err)
	}
	if err := redirect(m, config.Functions); err != nil {
		return nil, err
	}
	compiled, err := sdk.NewCompiledPlugin(ctx, sdk.Manifest{
		Wasm: []sdk.Wasm{sdk.WasmData{Data: m.Bytes()}},
		// No HTTP answer and no variable has room, were a guest ever to get there.
		Memory: &sdk.ManifestMemory{},
	}, sdk.PluginConfig{RuntimeConfig: config.Runtime}, hostFunctions(config.Functions))
	if err != nil {
		if errors.As(err, new(*fs.PathError)) { // the engine's cache, not the module
			return nil, fmt.Errorf("%s: compile: %w", Name, err)
		}
		return nil, refuse("not a module that can be compiled: %v", err)
	}
	return &Module{compiled: compiled, before: before(m)}, nil
}

// wovenBounds admits what weaving makes of a module that is within the default.
func wovenBounds() wasm.Bounds {
	b := wasm.DefaultBounds()
	b.ModuleBytes *= 4
	b.BodyBytes *= 4
	b.Exports *= 4 // one for each global of the guest
	for _, bound := range []*uint32{&b.Types, &b.Results, &b.Imports, &b.Functions, &b.Globals, &b.Data, &b.Locals, &b.Nesting} {
		*bound *= 2
	}
	return b
}

// redirect turns what the guest imports of the SDK's functions to those of this
// package, and lets no import through that is not ours or lent.
func redirect(m *wasm.Module, lent []Function) error {
	for i := range m.Imports {
		imported := &m.Imports[i]
		if err := admitImport(m, imported, lent); err != nil {
			return err
		}
		if imported.Module == envModule {
			imported.Module = guardedModule
		}
	}
	m.Changed(wasm.SectionImport)
	return nil
}

func before(m *wasm.Module) []string {
	var names []string
	if exports(m, weave.ExportData) {
		names = append(names, weave.ExportData)
	}
	for _, initialiser := range []string{abi.ExportInitialize, exportConstructors} {
		if exports(m, initialiser) {
			return append(names, initialiser)
		}
	}
	return names
}

func hostFunctions(lent []Function) []sdk.HostFunction {
	var all []sdk.HostFunction
	for module, functions := range map[string][]function{guardedModule: envFunctions(), userModule: userFunctions()} {
		for _, f := range functions {
			host := sdk.NewHostFunctionWithStack(f.name, own(f), f.params, f.results)
			host.SetNamespace(module)
			all = append(all, host)
		}
	}
	for _, f := range lent {
		host := sdk.NewHostFunctionWithStack(f.Name, borrowed(f), f.Params, f.Results)
		host.SetNamespace(f.Module)
		all = append(all, host)
	}
	return all
}

// own gives a function the state of the invocation that calls it.
func own(f function) sdk.HostFunctionStackCallback {
	return func(ctx context.Context, plugin *sdk.CurrentPlugin, stack []uint64) {
		r := ctx.Value(runningKey{}).(*running)
		if err := ctx.Err(); err != nil {
			r.fail(err)
		}
		if !r.started {
			r.breach("it called " + f.name + " while it initialised itself")
		}
		r.plugin = plugin
		r.charge(ctx, costCall)
		f.call(ctx, r, stack)
	}
}

// borrowed gives a lent function the memory of the guest that calls it.
func borrowed(f Function) sdk.HostFunctionStackCallback {
	return func(ctx context.Context, _ *sdk.CurrentPlugin, stack []uint64) {
		r := ctx.Value(runningKey{}).(*running)
		defer r.keep()
		f.Call(ctx, r.guest, stack)
	}
}

// Close frees the compiled code. No invocation may be running.
func (m *Module) Close(ctx context.Context) error { return m.compiled.Close(ctx) }

// Invoke runs one invocation in a fresh instance and returns the bytes that the
// guest set as its output, not yet read. memory bounds the memories of the guest
// and of Extism together, in bytes. When ctx ends, the guest's next call of Extism's
// functions ends with its error; the guest's own code is ended by the lent function
// that weaving calls.
func (m *Module) Invoke(ctx context.Context, memory uint64, invocation []byte, host Host) ([]byte, error) {
	r := &running{host: host, invocation: invocation, memories: &memories{most: memory}}
	result, err := m.run(context.WithValue(ctx, runningKey{}, r), r)
	switch {
	case r.failure != nil:
		return nil, r.failure
	case err == nil:
		return result, nil
	case r.memories.refused:
		return nil, memoryExhausted(memory)
	default:
		return nil, err
	}
}

func (m *Module) run(ctx context.Context, r *running) ([]byte, error) {
	plugin, err := m.compiled.Instance(experimental.WithMemoryAllocator(ctx, r.memories), sdk.PluginInstanceConfig{})
	if err != nil {
		return nil, trapped(err)
	}
	defer plugin.Close(ctx)
	// What the SDK itself logs is about its own work, and would go to the process's log.
	plugin.SetLogger(func(sdk.LogLevel, string) {})
	if r.memories.refused {
		return nil, memoryExhausted(r.memories.most)
	}
	r.shared = plugin.Memory()
	kernel, ok := r.shared.Read(0, 1)
	if !ok {
		return nil, errors.New(Name + ": Extism's kernel has no memory")
	}
	r.guest = r.memories.guest(kernel)
	for _, name := range m.before {
		if _, err := call(ctx, plugin, name); err != nil {
			return nil, err
		}
	}
	r.started = true
	code, err := call(ctx, plugin, abi.ExportInvoke)
	switch {
	case err != nil:
		return nil, err
	case code != 0 || r.problem.length > 0:
		return nil, failed(code, r.left(r.problem, maxErrorText))
	case r.output.length == 0:
		return nil, &abi.Error{Code: abi.PluginFailed, Message: "the plugin ended without a result"}
	}
	return r.left(r.output, abi.MaxResult), nil
}

// call calls an export of the guest. The SDK would carry an input to it and its
// output and error back; [running] does that.
func call(ctx context.Context, plugin *sdk.Plugin, name string) (uint32, error) {
	code, _, err := plugin.CallWithContext(ctx, name, nil)
	var exit *sys.ExitError
	switch {
	case errors.As(err, &exit):
		return 0, &abi.Error{Code: abi.PluginFailed, Message: "the plugin ended itself before it gave a result"}
	case err != nil:
		return 0, trapped(err)
	}
	return code, nil
}
