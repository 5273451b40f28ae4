package sandbox

import (
	"bytes"
	"context"

	"github.com/tetratelabs/wazero/api"

	"github.com/postern-dev/postern/abi"
)

const (
	i32 = api.ValueTypeI32
	i64 = api.ValueTypeI64
)

// function is one host function that a guest may import. Every function that
// exists for guests is in the tables of posternFunctions and wasiFunctions.
type function struct {
	name            string
	params, results []api.ValueType
	// call reads its arguments from stack and leaves its result there.
	call func(ctx context.Context, inv *running, memory api.Memory, stack []uint64)
}

// hostFunction gives a function the state of the invocation that calls it.
func hostFunction(call func(context.Context, *running, api.Memory, []uint64)) api.GoModuleFunc {
	return func(ctx context.Context, m api.Module, stack []uint64) {
		inv := ctx.Value(runningKey{}).(*running)
		call(ctx, inv, m.Memory(), stack)
	}
}

func posternFunctions() []function {
	return []function{
		{abi.ImportReceive, []api.ValueType{i32}, nil, receive},
		{abi.ImportRequest, []api.ValueType{i32, i32}, []api.ValueType{i32}, request},
		{abi.ImportRespond, []api.ValueType{i32, i32}, nil, respond},
	}
}

type runningKey struct{}

// running is the state of one invocation as the host functions see it.
type running struct {
	host Host
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

// fail ends the invocation: the engine turns the panic into a trap of the guest.
func (inv *running) fail(err error) {
	inv.failure = err
	panic(err)
}

func (inv *running) breach(problem string) {
	inv.fail(&abi.Error{Code: abi.PluginFailed, Message: "the plugin broke " + abi.Name + ": " + problem})
}

// slice returns size bytes of guest memory at ptr, which stay the guest's.
func (inv *running) slice(memory api.Memory, ptr, size uint64) []byte {
	b, ok := memory.Read(uint32(ptr), uint32(size))
	if !ok {
		inv.breach("it named bytes outside its memory")
	}
	return b
}

func receive(_ context.Context, inv *running, memory api.Memory, stack []uint64) {
	if !inv.started || inv.waiting == nil {
		inv.breach("it received while nothing was waiting")
	}
	copy(inv.slice(memory, stack[0], uint64(len(inv.waiting))), inv.waiting)
	inv.waiting = nil
}

func request(ctx context.Context, inv *running, memory api.Memory, stack []uint64) {
	if !inv.started {
		inv.breach("it asked for an exchange while it initialised itself")
	}
	if inv.result != nil {
		inv.breach("it asked for an exchange after its result")
	}
	if uint32(stack[1]) > abi.MaxExchange {
		inv.breach("it asked for an exchange that is too long")
	}
	reply, err := inv.host.Exchange(ctx, inv.slice(memory, stack[0], stack[1]))
	if err != nil {
		inv.fail(err)
	}
	inv.waiting = reply
	stack[0] = uint64(len(reply))
}

func respond(_ context.Context, inv *running, memory api.Memory, stack []uint64) {
	if !inv.started || inv.result != nil {
		inv.breach("it gave a result twice, or before the invocation")
	}
	if uint32(stack[1]) > abi.MaxResult {
		inv.breach("its result is too long")
	}
	inv.result = append([]byte{}, inv.slice(memory, stack[0], stack[1])...)
}

// write takes output of the guest and hands on each line that it completes.
func (inv *running) write(ctx context.Context, b []byte) {
	for len(b) > 0 {
		line, rest, complete := bytes.Cut(b, []byte{'\n'})
		room := maxOutputLine - len(inv.output)
		inv.output = append(inv.output, line[:min(len(line), room)]...)
		if complete {
			inv.host.Output(ctx, inv.output)
			inv.output = inv.output[:0]
		}
		b = rest
	}
}

// flush hands on a last line that has no end.
func (inv *running) flush(ctx context.Context) {
	if len(inv.output) > 0 {
		inv.host.Output(ctx, inv.output)
		inv.output = nil
	}
}
