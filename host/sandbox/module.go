package sandbox

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/sys"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/sandbox/extism"
	"github.com/postern-dev/postern/host/sandbox/image"
)

// Host answers the guest of one invocation. Its methods are called from the
// goroutine of [Module.Invoke], one at a time. They must not close the module or its
// runtime, nor invoke the same module: that would wait for the invocation itself.
type Host interface {
	// Exchange answers one exchange. request is good until it returns; reply is
	// read until the next call. An error ends the invocation and is what Invoke
	// returns; a refusal that the guest may handle is a reply.
	Exchange(ctx context.Context, request []byte) (reply []byte, err error)
	// Output takes one line that the guest wrote to standard output or error. Control
	// characters and what is not UTF-8 are escaped; it is not to be trusted otherwise. line is good until it returns.
	Output(ctx context.Context, line []byte)
}

// Usage is what one invocation used, also of one that failed.
type Usage struct {
	// Fuel is how much computing was charged, in units. The same module with the
	// same input burns the same on every machine.
	Fuel uint64
	// Memory is how large the guest's memory was at its end, in bytes; 0 for extism/1.
	Memory uint64
}

// Module is an admitted, compiled module. It is safe for concurrent use.
type Module struct {
	runtime *Runtime
	// foreign is set for a module of the kind extism/1, engine and compiled for the others.
	foreign  *extism.Module
	engine   wazero.Runtime
	compiled wazero.CompiledModule
	// native is what the engine has compiled; nil if the runtime keeps nothing.
	native   wazero.CompilationCache
	facts    facts
	segments segments
	pool     *pool
	users    users

	// begun says that there was an invocation. The first one makes no snapshot: a process
	// that runs one action has no use for it.
	begun atomic.Bool
	// origin is what instances are made from and reset to. It is nil until the second
	// invocation, and stays so if the module cannot be kept in a snapshot.
	origin atomic.Pointer[snapshot]
	// unkept says that what the module is after it initialised itself cannot be kept,
	// since its table is part of it, or that it failed to. Each invocation initialises an
	// instance of its own, and pays for it.
	unkept atomic.Bool
	// making holds the invocation that makes the snapshot. It is a lock for which
	// others wait no longer than their contexts let them.
	making chan struct{}
}

func newModule(r *Runtime, a *admitted) *Module {
	return &Module{
		runtime: r, facts: a.facts, segments: a.segments,
		pool:   newPool(r.config.Instances, r.config.Idle),
		making: make(chan struct{}, 1),
	}
}

// Close waits for the invocations that are running, and frees the compiled code and
// the instances. A later invocation fails with [ErrClosed].
func (m *Module) Close(ctx context.Context) error {
	if !m.users.close() {
		return nil
	}
	m.runtime.modules.Delete(m)
	m.pool.close(ctx)
	var err error
	if origin := m.origin.Swap(nil); origin != nil {
		err = origin.image.Close()
	}
	if m.foreign != nil {
		err = errors.Join(err, m.foreign.Close(ctx))
	}
	if m.engine != nil {
		err = errors.Join(err, m.engine.Close(ctx))
	}
	if m.native != nil {
		err = errors.Join(err, m.native.Close(ctx))
	}
	return err
}

// Invoke runs one invocation in pristine memory and returns the bytes that the
// guest responded with, not yet read. The invocation ends when ctx does.
func (m *Module) Invoke(ctx context.Context, limits Limits, invocation []byte, host Host) ([]byte, Usage, error) {
	if !m.users.enter() {
		return nil, Usage{}, ErrClosed
	}
	defer m.users.leave()
	if err := m.pool.enter(ctx); err != nil {
		return nil, Usage{}, waitedInVain(err)
	}
	defer m.pool.leave()
	if m.foreign != nil {
		return m.invokeForeign(ctx, limits, invocation, host)
	}
	inv := &running{host: host, meter: newMeter(ctx, limits.Fuel)}
	ctx = context.WithValue(ctx, runningKey{}, inv)
	most := min(limits.Memory, MaxMemory)
	i, err := m.acquire(ctx, inv, most)
	if err != nil {
		return nil, Usage{Fuel: inv.meter.used(0)}, err
	}
	i.memory.most = most
	inv.waiting, inv.started = invocation, true
	stack := [1]uint64{uint64(len(invocation))}
	err = inv.outcome(ctx, i, i.invoke.CallWithStack(ctx, stack[:]))
	usage := Usage{inv.meter.used(int64(i.fuel.Get())), uint64(len(i.memory.view.Bytes()))}
	if err != nil {
		// Whatever ended it early, the guest stands still in the middle of something.
		i.close(ctx)
		return nil, usage, err
	}
	m.release(i)
	if inv.result == nil || int32(stack[0]) != 0 {
		return nil, usage, &abi.Error{Code: abi.PluginFailed, Message: "the plugin ended without a result"}
	}
	return inv.result, usage, nil
}

// acquire returns a pristine instance: an idle one, a new one of the snapshot, or
// one that initialises itself now. Its memory is no larger than most.
func (m *Module) acquire(ctx context.Context, inv *running, most uint64) (*instance, error) {
	if m.unkept.Load() {
		return m.initialised(ctx, inv, most)
	}
	origin := m.origin.Load()
	if origin == nil {
		return m.originate(ctx, inv, most)
	}
	if origin.image.Size() > most {
		return nil, memoryExhausted(most)
	}
	if i := m.pool.take(); i != nil {
		return i, nil
	}
	i, err := m.instantiate(ctx, origin.image)
	if err != nil {
		return nil, err
	}
	i.setGlobals(origin)
	return i, nil
}

// release gives an instance back that came to its end without an error.
func (m *Module) release(i *instance) {
	origin := m.origin.Load()
	if origin == nil || !i.reset(origin) || !m.pool.put(i) {
		i.close(context.Background())
	}
}

// originate makes an instance that initialises itself, and the snapshot that later ones
// start from. What the module burns for it is not the invocation's: it is bounded by itself,
// and happens twice at most, once if the module is at fault. The instance serves this invocation, and is then thrown away.
func (m *Module) originate(ctx context.Context, inv *running, most uint64) (*instance, error) {
	if m.begun.CompareAndSwap(false, true) {
		i, err := m.initialisedApart(ctx, inv, most)
		if err == nil && i.touched.Get() != 0 {
			m.unkept.Store(true)
		}
		return i, err
	}
	select {
	case m.making <- struct{}{}:
	case <-ctx.Done():
		return nil, ended(ctx.Err())
	}
	if m.origin.Load() != nil || m.unkept.Load() { // somebody was faster
		<-m.making
		return m.acquire(ctx, inv, most)
	}
	defer func() { <-m.making }()
	i, err := m.initialisedApart(ctx, inv, most)
	if err != nil {
		return nil, err
	}
	origin, err := i.snapshot()
	if err != nil {
		i.close(ctx)
		return nil, err
	}
	m.origin.Store(origin)
	m.unkept.Store(origin == nil)
	return i, nil
}

// initialisedApart is initialised with fuel and time of its own.
func (m *Module) initialisedApart(ctx context.Context, inv *running, most uint64) (*instance, error) {
	bounded, cancel := context.WithTimeout(ctx, initialiseTime)
	defer cancel()
	own := &running{host: inv.host, meter: newMeter(bounded, initialiseFuel)}
	i, err := m.initialised(context.WithValue(bounded, runningKey{}, own), own, most)
	if errors.Is(err, abi.FuelExhausted) || errors.Is(err, abi.PluginFailed) {
		m.unkept.Store(true)
	}
	if errors.Is(err, abi.FuelExhausted) || errors.Is(err, abi.DeadlineExceeded) && !over(ctx) {
		return nil, &abi.Error{Code: abi.PluginFailed, Message: "the plugin was still initialising itself when it had used up what it may for that"}
	}
	return i, err
}

// initialised returns a new instance that has just initialised itself, which inv
// pays for.
func (m *Module) initialised(ctx context.Context, inv *running, most uint64) (*instance, error) {
	if m.facts.Memory > most {
		return nil, memoryExhausted(most)
	}
	empty, err := image.New(nil)
	if err != nil {
		return nil, internal(err)
	}
	defer empty.Close()
	i, err := m.instantiate(ctx, empty)
	if err != nil {
		return nil, err
	}
	i.memory.most = most
	if err := i.initialise(ctx, m.segments, inv); err != nil {
		i.close(ctx)
		return nil, err
	}
	return i, nil
}

// outcome is how a call of the guest ended, when the engine says err.
func (inv *running) outcome(ctx context.Context, i *instance, err error) error {
	inv.flush(ctx)
	switch {
	case inv.failure != nil:
		return inv.failure
	case err == nil:
		return nil
	case i.memory.refused:
		return memoryExhausted(i.memory.most)
	default:
		return trapped(err)
	}
}

// over reports whether the context has ended, or its timer is late to say so.
func over(ctx context.Context) bool {
	deadline, limited := ctx.Deadline()
	return ctx.Err() != nil || limited && !time.Now().Before(deadline)
}

// ended tells why the context ended the invocation.
func ended(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return &abi.Error{Code: abi.DeadlineExceeded, Message: "the invocation took longer than its timeout allows; ask for less, or raise timeout in the grant's limits up to the plugin's own"}
	}
	return err
}

func waitedInVain(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return &abi.Error{Code: abi.DeadlineExceeded, Message: "as many invocations of the plugin were running as may at once, and none ended within the timeout; try again later"}
	}
	return err
}

func fuelExhausted(budget uint64) *abi.Error {
	return &abi.Error{Code: abi.FuelExhausted, Message: "the plugin needed more computing than the " + strconv.FormatUint(budget, 10) +
		" units of fuel that it may burn; ask for less, or raise fuel in the grant's limits up to the plugin's own"}
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
