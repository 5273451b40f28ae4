package sandbox

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sync/semaphore"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/sandbox/codecache"
	"github.com/postern-dev/postern/host/sandbox/extism"
	"github.com/postern-dev/postern/host/sandbox/weave"
)

// Runtime compiles and runs modules. It is safe for concurrent use.
type Runtime struct {
	config Config
	store  *store
	users  users
	// modules are those that are open, to be closed with the runtime.
	modules sync.Map // *Module to nothing
	// compiling has one place.
	compiling *semaphore.Weighted
}

// New makes a runtime without modules. Close it when it is no longer needed.
func New(config Config) *Runtime {
	r := &Runtime{config: config.withDefaults(), compiling: semaphore.NewWeighted(1)}
	r.store = openStore(r.config)
	return r
}

// engineConfig has no CloseOnContextDone: woven code asks whether it is to end, for less,
// and in functions that never loop as well. native may be nil.
func engineConfig(native wazero.CompilationCache) wazero.RuntimeConfig {
	config := wazero.NewRuntimeConfig().
		WithCoreFeatures(api.CoreFeaturesV2).
		WithMemoryLimitPages(maxPages).
		WithCloseOnContextDone(false).
		WithDebugInfoEnabled(false)
	if native != nil {
		config = config.WithCompilationCache(native)
	}
	return config
}

// link offers functions to guests. A function of which nobody said what
// it can reach is a fault of the host, and not linked.
func link(ctx context.Context, engine wazero.Runtime, offered map[string][]function) error {
	for module, functions := range offered {
		builder := engine.NewHostModuleBuilder(module)
		for _, f := range functions {
			if f.reach == undecided {
				return fmt.Errorf("sandbox: nothing says what %s.%s can reach", module, f.name)
			}
			builder.NewFunctionBuilder().
				WithGoModuleFunction(hostFunction(f), f.params, f.results).
				Export(f.name)
		}
		if _, err := builder.Instantiate(ctx); err != nil {
			return fmt.Errorf("sandbox: link %s: %w", module, err)
		}
	}
	return nil
}

// Close waits for the invocations that are running, and frees all modules. What is
// asked of it later fails with [ErrClosed].
func (r *Runtime) Close(ctx context.Context) error {
	if !r.users.close() {
		return nil
	}
	var err error
	for m := range r.modules.Range {
		err = errors.Join(err, m.(*Module).Close(ctx))
	}
	return errors.Join(err, r.store.close())
}

// Source is a module to be compiled.
type Source struct {
	// Kind is "postern/1" or "extism/1".
	Kind string
	// Digest names the module's bytes: a digest of them that is hard to forge, in any
	// form. What admission made of a module before is found by it. Required.
	Digest string
	// Read returns the module's bytes, or why they are not those of Digest. Required: it is
	// always called, and may run beside the search of the cache; its error ends that.
	Read func() ([]byte, error)
}

// Bytes is the source of a module that was read already. The bytes are not kept.
func Bytes(kind string, wasm []byte) Source {
	return Source{
		Kind: kind, Digest: fmt.Sprintf("%x", sha256.Sum256(wasm)),
		Read: func() ([]byte, error) { return wasm, nil },
	}
}

// Compile admits a module and compiles it, or takes both from the cache. The error
// is an [*abi.Error] with plugin_failed that tells what the module does that it must
// not, that of Source.Read, or that of ctx.
func (r *Runtime) Compile(ctx context.Context, source Source) (*Module, error) {
	if source.Read == nil || source.Digest == "" {
		return nil, errors.New("sandbox: Source.Read and Source.Digest must be set; Bytes makes a Source of a module's bytes")
	}
	if !r.users.enter() {
		return nil, ErrClosed
	}
	defer r.users.leave()
	// One at a time: compiling uses all processors, and much memory.
	if err := r.compiling.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer r.compiling.Release(1)
	var binary []byte
	var readErr error
	read := make(chan struct{})
	go func() {
		defer close(read)
		binary, readErr = source.Read()
	}()
	bounded, cancel := context.WithTimeout(ctx, compileTime)
	defer cancel()
	key := cacheKey(source)
	m := r.compileCached(bounded, key, source.Kind)
	if <-read; readErr != nil {
		if m != nil {
			readErr = errors.Join(readErr, m.Close(ctx))
		}
		return nil, readErr
	}
	var err error
	if m == nil {
		m, err = r.compileNew(bounded, key, source.Kind, binary)
	}
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case bounded.Err() != nil:
		return nil, &abi.Error{Code: abi.Internal, Message: fmt.Sprintf("compiling the module took longer than %v; try again when the machine has less to do, or split its largest functions", compileTime)}
	default:
		return nil, err
	}
	r.modules.Store(m, nil)
	return m, nil
}

// compileCached returns the module that the cache has, or nil.
func (r *Runtime) compileCached(ctx context.Context, key codecache.Key, kind string) *Module {
	a, files := r.store.load(key)
	if a == nil {
		return nil
	}
	defer r.store.clear()
	m := newModule(r, a)
	err := m.compile(ctx, kind, a.module, r.store)
	if err == nil {
		err = r.store.taken(files)
	}
	if err != nil {
		r.store.missed(key, errors.Join(err, m.Close(ctx)))
		return nil
	}
	return m
}

// compileNew admits a module, compiles it and keeps it in the cache. wazero does not give away
// what it could not write, so on a full disk it compiles twice.
func (r *Runtime) compileNew(ctx context.Context, key codecache.Key, kind string, binary []byte) (*Module, error) {
	a, err := admit(kind, binary)
	if err != nil {
		return nil, err
	}
	defer r.store.clear()
	m := newModule(r, a)
	err = m.compile(ctx, kind, a.module, r.store)
	if errors.Is(err, errUnkept) {
		r.config.Log.Warn("a module is compiled in each process", "error", errors.Join(err, m.Close(ctx)).Error())
		m = newModule(r, a)
		if err = m.compile(ctx, kind, a.module, nil); err == nil {
			return m, nil
		}
	}
	if err != nil {
		return nil, errors.Join(err, m.Close(ctx))
	}
	r.store.keep(key, a, func(outline []byte) error { return compileOutline(ctx, outline, r.store) })
	return m, nil
}

// compile turns code into native code, or finds what was made of it in the folder of s. The
// module is to be closed, whatever becomes of it.
func (m *Module) compile(ctx context.Context, kind string, module []byte, s *store) (err error) {
	if m.native, err = s.native(); err != nil {
		return fmt.Errorf("%w: %w", errUnkept, err)
	}
	config := engineConfig(m.native)
	// The engine looks at the context between two functions, but only if several workers share them.
	ctx = experimental.WithCompilationWorkers(ctx, min(max(2, runtime.GOMAXPROCS(0)), maxWorkers))
	if kind == extism.Name {
		m.foreign, err = extism.Compile(ctx, module, extism.Config{
			Runtime:   config,
			Functions: slices.Concat(lent(wasiModule, wasiFunctions()), lent(weave.ImportModule, fuelFunctions())),
		})
	} else {
		m.engine = wazero.NewRuntimeWithConfig(ctx, config)
		if err := link(ctx, m.engine, registry()); err != nil {
			return internal(err)
		}
		m.compiled, err = m.engine.CompileModule(ctx, module)
	}
	var refusal *abi.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, new(*fs.PathError)):
		return fmt.Errorf("%w: %w", errUnkept, err)
	case errors.As(err, &refusal):
		return refusal
	default:
		return refuse("it is not a valid WebAssembly 2.0 module: %v", err)
	}
}

// compileOutline leaves in the folder of s what the engine makes of an outline. No module gets the
// engine that does it, which knows traps by the outline's bytes.
func compileOutline(ctx context.Context, outline []byte, s *store) error {
	native, err := s.native()
	if err != nil {
		return err
	}
	engine := wazero.NewRuntimeWithConfig(ctx, engineConfig(native))
	_, err = engine.CompileModule(ctx, outline)
	return errors.Join(err, engine.Close(ctx), native.Close(ctx))
}

// errUnkept says that the engine could not use the folder of a store.
var errUnkept = errors.New("compiled code cannot be kept in the cache's folder; see whether it has room")

func refuse(format string, args ...any) *abi.Error {
	return &abi.Error{Code: abi.PluginFailed, Message: "module refused: " + fmt.Sprintf(format, args...)}
}
