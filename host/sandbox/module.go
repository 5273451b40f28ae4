package sandbox

import (
	"context"
	"errors"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/sys"

	"github.com/postern-dev/postern/abi"
)

// Host answers the guest of one invocation. Its methods are called from the
// goroutine of [Module.Invoke], one at a time.
type Host interface {
	// Exchange answers one exchange. request is good until it returns; reply is
	// read until the next call. An error ends the invocation and is what Invoke
	// returns; a refusal that the guest may handle is a reply.
	Exchange(ctx context.Context, request []byte) (reply []byte, err error)
	// Output takes one line that the guest wrote to standard output or error,
	// as it wrote it: not trusted, control characters and all.
	Output(ctx context.Context, line []byte)
}

// Module is an admitted, compiled module. It is safe for concurrent use.
type Module struct {
	runtime    *Runtime
	compiled   wazero.CompiledModule
	initialise bool
}

// Close frees the compiled code. No invocation may be running.
func (m *Module) Close(ctx context.Context) error { return m.compiled.Close(ctx) }

// Invoke runs one invocation in a fresh instance and returns the bytes that the
// guest responded with, not yet read. The invocation ends when ctx does.
func (m *Module) Invoke(ctx context.Context, limits Limits, invocation []byte, host Host) ([]byte, error) {
	inv := &running{host: host, waiting: invocation}
	memory := &linearMemory{most: min(limits.Memory, MaxMemory)}
	if least := uint64(m.compiled.ExportedMemories()[abi.ExportMemory].Min()) * pageSize; least > memory.most {
		return nil, memoryExhausted(memory.most)
	}
	ctx = context.WithValue(ctx, runningKey{}, inv)
	err := m.run(experimental.WithMemoryAllocator(ctx, memory), inv)
	inv.flush(ctx)
	switch {
	case inv.failure != nil:
		return nil, inv.failure
	case err == nil && inv.result != nil:
		return inv.result, nil
	case memory.refused:
		return nil, memoryExhausted(memory.most)
	case ctx.Err() != nil:
		return nil, ended(ctx)
	case err != nil:
		return nil, trapped(err)
	default:
		return nil, &abi.Error{Code: abi.PluginFailed, Message: "the plugin ended without a result"}
	}
}

func (m *Module) run(ctx context.Context, inv *running) error {
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	if m.initialise {
		config = config.WithStartFunctions(abi.ExportInitialize)
	}
	size := uint64(len(inv.waiting))
	instance, err := m.runtime.engine.InstantiateModule(ctx, m.compiled, config)
	if err != nil {
		return err
	}
	defer instance.Close(ctx)
	inv.started = true
	stack := []uint64{size}
	if err := instance.ExportedFunction(abi.ExportInvoke).CallWithStack(ctx, stack); err != nil {
		return err
	}
	if code := int32(stack[0]); code != 0 {
		inv.result = nil
	}
	return nil
}

// ended tells why ctx ended the invocation.
func ended(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &abi.Error{Code: abi.DeadlineExceeded, Message: "the invocation took longer than its timeout allows; ask for less, or raise timeout in the grant's limits up to the plugin's own"}
	}
	return ctx.Err()
}

func memoryExhausted(most uint64) *abi.Error {
	return &abi.Error{Code: abi.MemoryExhausted, Message: "the plugin needed more memory than the " +
		sizeText(most) + " that it may have; ask for less, or raise memory in the grant's limits up to the plugin's own"}
}

// trapped turns the engine's error into one for the reader. The text after the
// first line is a stack trace of the guest.
func trapped(err error) error {
	var exit *sys.ExitError
	if errors.As(err, &exit) {
		return &abi.Error{Code: abi.PluginFailed, Message: "the plugin ended itself before it gave a result"}
	}
	reason, _, _ := strings.Cut(err.Error(), "\n")
	return &abi.Error{Code: abi.PluginFailed, Message: "the plugin trapped: " + strings.TrimPrefix(reason, "wasm error: ")}
}
