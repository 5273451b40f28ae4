package extism

import (
	"bytes"
	"context"
	"encoding/binary"

	"github.com/tetratelabs/wazero/api"

	"github.com/postern-dev/postern/abi"
)

// Modules that a guest imports from.
const (
	envModule  = "extism:host/env"
	userModule = "extism:host/user"
)

// importRequest is the host function of a guest, in userModule.
const importRequest = "postern_request"

const (
	i32 = api.ValueTypeI32
	i64 = api.ValueTypeI64
)

// Function is a host function that the caller lends to guests, such as those of its
// stub of WASI.
type Function struct {
	// Module and Name are what a guest imports it by.
	Module, Name string
	// Params and Results are its type.
	Params, Results []api.ValueType
	// Call reads its arguments from stack and leaves its result there. memory is the
	// calling guest's, and ctx the one of [Module.Invoke] with what was added to it. It
	// ends the guest by a panic with an error, which Invoke then returns.
	Call func(ctx context.Context, memory Memory, stack []uint64)
}

// function is one function of Extism that a guest may import.
type function struct {
	name            string
	params, results []api.ValueType
	call            func(ctx context.Context, r *running, stack []uint64)
}

// envFunctions are the functions of extism:host/env that guests get. What is not
// here does not exist for them: HTTP, variables and configuration are what
// exchanges are for, and the kernel's other functions are the host's.
func envFunctions() []function {
	one := []api.ValueType{i64}
	two := []api.ValueType{i64, i64}
	byteOf := []api.ValueType{i32}
	return []function{
		{"alloc", one, one, alloc},
		{"free", one, nil, free},
		{"length", one, one, length},
		{"length_unsafe", one, one, length},
		{"load_u8", one, byteOf, loadByte},
		{"load_u64", one, one, loadWord},
		{"store_u8", []api.ValueType{i64, i32}, nil, storeByte},
		{"store_u64", two, nil, storeWord},
		{"input_length", nil, one, inputLength},
		{"input_offset", nil, one, inputOffset},
		{"input_load_u8", one, byteOf, inputLoadByte},
		{"input_load_u64", one, one, inputLoadWord},
		{"output_set", two, nil, outputSet},
		{"error_set", one, nil, errorSet},
		{"get_log_level", nil, byteOf, logLevel},
		{"log_trace", one, nil, logAt("trace")},
		{"log_debug", one, nil, logAt("debug")},
		{"log_info", one, nil, logAt("info")},
		{"log_warn", one, nil, logAt("warn")},
		{"log_error", one, nil, logAt("error")},
	}
}

// userFunctions are the functions of extism:host/user.
func userFunctions() []function {
	return []function{{importRequest, []api.ValueType{i64}, []api.ValueType{i64}, request}}
}

func alloc(ctx context.Context, r *running, stack []uint64) { stack[0] = r.alloc(ctx, stack[0]) }

// free ignores what is not a block of the guest, as Extism does.
func free(ctx context.Context, r *running, stack []uint64) { r.free(ctx, stack[0]) }

// length is 0 for what is not a block of the guest, as Extism has it.
func length(_ context.Context, r *running, stack []uint64) {
	held, _ := r.blocks.at(stack[0])
	stack[0] = held.length
}

func loadByte(_ context.Context, r *running, stack []uint64) {
	stack[0] = uint64(r.view(stack[0], 1)[0])
}

func loadWord(_ context.Context, r *running, stack []uint64) {
	stack[0] = binary.LittleEndian.Uint64(r.view(stack[0], 8))
}

func storeByte(_ context.Context, r *running, stack []uint64) {
	r.view(stack[0], 1)[0] = byte(stack[1])
}

func storeWord(_ context.Context, r *running, stack []uint64) {
	binary.LittleEndian.PutUint64(r.view(stack[0], 8), stack[1])
}

func inputLength(_ context.Context, r *running, stack []uint64) {
	stack[0] = uint64(len(r.invocation))
}

// inputOffset puts the input into a block for the PDKs that want it there; others
// load it by its own functions.
func inputOffset(ctx context.Context, r *running, stack []uint64) {
	if r.input == 0 {
		r.input = r.put(ctx, r.invocation)
	}
	stack[0] = r.input
}

func inputLoadByte(_ context.Context, r *running, stack []uint64) {
	stack[0] = uint64(r.inputView(stack[0], 1)[0])
}

func inputLoadWord(_ context.Context, r *running, stack []uint64) {
	stack[0] = binary.LittleEndian.Uint64(r.inputView(stack[0], 8))
}

func outputSet(_ context.Context, r *running, stack []uint64) {
	if stack[1] > abi.MaxResult {
		r.breach("its result is too long")
	}
	if stack[1] > 0 && !r.blocks.contain(stack[0], stack[1]) {
		r.breach(outside)
	}
	r.output = block{stack[0], stack[1]}
}

func errorSet(_ context.Context, r *running, stack []uint64) {
	r.problem, _ = r.blocks.at(stack[0])
}

// logLevel tells the guest that every level is wanted: which lines are shown is the
// host's to decide, and no guest needs to know.
func logLevel(_ context.Context, _ *running, stack []uint64) {
	const trace = 0
	stack[0] = trace
}

// logAt hands on the lines of a message, and frees its block, as Extism does.
func logAt(level string) func(context.Context, *running, []uint64) {
	return func(ctx context.Context, r *running, stack []uint64) {
		message := r.whole(stack[0])
		message = bytes.TrimSuffix(message[:min(len(message), maxLogMessage)], []byte{'\n'})
		for line := range bytes.SplitSeq(message, []byte{'\n'}) {
			r.host.Output(ctx, append([]byte(level+": "), line[:min(len(line), maxLogLine)]...))
		}
		r.free(ctx, stack[0])
	}
}

func request(ctx context.Context, r *running, stack []uint64) {
	document := r.whole(stack[0])
	if len(document) > abi.MaxExchange {
		r.breach("it asked for an exchange that is too long")
	}
	reply, err := r.host.Exchange(ctx, document)
	if err != nil {
		r.fail(err)
	}
	stack[0] = r.put(ctx, reply)
}
