package sandbox

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero/api"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/sandbox/weave"
)

const (
	i32 = api.ValueTypeI32
	i64 = api.ValueTypeI64
)

// reach is what a guest gets at through a host function. Each function states it,
// so that a new one cannot be offered before somebody thought about policy.
type reach int

const (
	undecided reach = iota
	// itself: the guest's own memory and result, its output, coarse clocks and fresh randomness.
	// There is nothing in it for policy to decide.
	itself
	// throughHost: whatever [Host.Exchange] grants, where every exchange is judged.
	throughHost
)

// guestMemory is the memory of the guest that calls, as host functions use it.
type guestMemory interface {
	Read(offset, size uint32) ([]byte, bool)
	WriteUint32Le(offset, v uint32) bool
	WriteUint64Le(offset uint32, v uint64) bool
}

// function is one host function that a guest may import. Every function that
// exists for guests is in the registry.
type function struct {
	name            string
	params, results []api.ValueType
	// reach says what a guest gets at by calling it.
	reach reach
	// cost is the fuel of a call, besides what the function charges by itself.
	cost uint64
	// call reads its arguments from stack and leaves its result there.
	call func(ctx context.Context, inv *running, memory guestMemory, stack []uint64)
}

// fuelFunctions is what woven code calls. No guest may import it.
func fuelFunctions() []function {
	return []function{
		{weave.ImportYield, []api.ValueType{i64}, []api.ValueType{i64}, itself, 0, func(ctx context.Context, inv *running, _ guestMemory, stack []uint64) {
			next, err := inv.meter.yield(ctx, int64(stack[0]))
			if err != nil {
				inv.fail(err)
			}
			stack[0] = uint64(next)
		}},
	}
}

// hostFunction links a function.
func hostFunction(f function) api.GoModuleFunc {
	return func(ctx context.Context, m api.Module, stack []uint64) { f.enter(ctx, m.Memory(), stack) }
}

// enter calls the function with the state of the invocation that calls it.
func (f function) enter(ctx context.Context, memory guestMemory, stack []uint64) {
	inv := ctx.Value(runningKey{}).(*running)
	inv.spend(ctx, f.cost)
	f.call(ctx, inv, memory, stack)
}

// registry is every function of the host that exists for postern/1 guests and woven
// code, by module. Guests of extism/1 get those of WASI too, and the functions of package extism.
func registry() map[string][]function {
	return map[string][]function{
		abi.Module:         posternFunctions(),
		wasiModule:         wasiFunctions(),
		weave.ImportModule: fuelFunctions(),
	}
}

func posternFunctions() []function {
	return []function{
		{abi.ImportReceive, []api.ValueType{i32}, nil, itself, callCost, receive},
		{abi.ImportRequest, []api.ValueType{i32, i32}, []api.ValueType{i32}, throughHost, exchangeCost, request},
		{abi.ImportRespond, []api.ValueType{i32, i32}, nil, itself, callCost, respond},
	}
}

type runningKey struct{}

// running is the state of one invocation as the host functions see it.
type running struct {
	host  Host
	meter meter
	// started is false while the module initialises itself: it has no invocation
	// to work on yet, and may not ask for anything.
	started bool
	// waiting is what the next receive copies to the guest.
	waiting []byte
	result  []byte
	// failure ended the invocation.
	failure error
	output  []byte
}

// spend takes fuel for what the host does for the guest, and ends the invocation
// if there is none left, or if it is over for another reason.
func (inv *running) spend(ctx context.Context, fuel uint64) {
	inv.meter.debt += fuel
	if err := inv.meter.settle(ctx); err != nil {
		inv.fail(err)
	}
}

// fail ends the invocation: the engine turns the panic into a trap of the guest.
func (inv *running) fail(err error) {
	inv.failure = err
	panic(err)
}

func (inv *running) breach(problem string) {
	inv.fail(&abi.Error{Code: abi.PluginFailed, Message: "the plugin broke " + abi.Name + ": " + problem})
}

// slice returns size bytes of guest memory at ptr, which stay the guest's.
func (inv *running) slice(memory guestMemory, ptr, size uint64) []byte {
	b, ok := memory.Read(uint32(ptr), uint32(size))
	if !ok {
		inv.breach("it named bytes outside its memory")
	}
	return b
}

func receive(ctx context.Context, inv *running, memory guestMemory, stack []uint64) {
	if !inv.started || inv.waiting == nil {
		inv.breach("it received while nothing was waiting")
	}
	inv.spend(ctx, uint64(len(inv.waiting))/bytesPerUnit)
	copy(inv.slice(memory, stack[0], uint64(len(inv.waiting))), inv.waiting)
	inv.waiting = nil
}

func request(ctx context.Context, inv *running, memory guestMemory, stack []uint64) {
	if !inv.started {
		inv.breach("it asked for an exchange while it initialised itself")
	}
	if inv.result != nil {
		inv.breach("it asked for an exchange after its result")
	}
	if uint32(stack[1]) > abi.MaxExchange {
		inv.breach("it asked for an exchange that is too long")
	}
	inv.spend(ctx, uint64(uint32(stack[1]))*exchangeByteCost)
	reply, err := inv.exchange(ctx, inv.slice(memory, stack[0], stack[1]))
	if err != nil {
		inv.fail(err)
	}
	inv.waiting = reply
	stack[0] = uint64(len(reply))
}

// exchange asks the host. A panic there is a fault of the host: the engine would make it a trap of the guest.
func (inv *running) exchange(ctx context.Context, document []byte) (reply []byte, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			reply, err = nil, internal(fmt.Errorf("the host's Exchange panicked: %v", fault))
		}
	}()
	return inv.host.Exchange(ctx, document)
}

func respond(ctx context.Context, inv *running, memory guestMemory, stack []uint64) {
	if !inv.started || inv.result != nil {
		inv.breach("it gave a result twice, or before the invocation")
	}
	if uint32(stack[1]) > abi.MaxResult {
		inv.breach("its result is too long")
	}
	inv.spend(ctx, uint64(uint32(stack[1]))/bytesPerUnit)
	inv.result = append([]byte{}, inv.slice(memory, stack[0], stack[1])...)
}
