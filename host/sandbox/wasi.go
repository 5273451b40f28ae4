package sandbox

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"slices"
	"time"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"
)

const wasiModule = "wasi_snapshot_preview1"

// Error numbers of WASI preview 1.
const (
	wasiSuccess = 0
	wasiBadFile = 8
	wasiFault   = 21
	wasiInvalid = 28
)

// clockStep is the grain of the clocks that a guest can read: fine enough for
// time stamps, too coarse to time the host's work with.
const clockStep = time.Millisecond

// wasiFunctions is the stub of WASI preview 1: the functions that the Go runtime
// and its syscall package import. Whatever would reach a file or a socket answers
// that there is no such descriptor.
func wasiFunctions() []function {
	functions := []function{
		wasi("args_sizes_get", "ii", writeZeros),
		wasi("args_get", "ii", succeed),
		wasi("environ_sizes_get", "ii", writeZeros),
		wasi("environ_get", "ii", succeed),
		wasi("clock_time_get", "iIi", clockTime),
		wasi("random_get", "ii", random),
		wasi("sched_yield", "", succeed),
		wasi("poll_oneoff", "iiii", poll),
		wasi("fd_write", "iiii", writeFile),
		{"proc_exit", []api.ValueType{i32}, nil, itself, callCost, exit},
	}
	for name, signature := range map[string]string{
		"fd_close": "i", "fd_fdstat_get": "ii", "fd_fdstat_set_flags": "ii", "fd_filestat_get": "ii",
		"fd_filestat_set_size": "iI", "fd_pread": "iiiIi", "fd_prestat_get": "ii", "fd_prestat_dir_name": "iii",
		"fd_pwrite": "iiiIi", "fd_read": "iiii", "fd_readdir": "iiiIi", "fd_renumber": "ii", "fd_seek": "iIii",
		"fd_sync": "i", "fd_tell": "ii",
		"path_create_directory": "iii", "path_filestat_get": "iiiii", "path_filestat_set_times": "iiiiIIi",
		"path_link": "iiiiiii", "path_open": "iiiiiIIii", "path_readlink": "iiiiii",
		"path_remove_directory": "iii", "path_rename": "iiiiii", "path_symlink": "iiiii", "path_unlink_file": "iii",
		"sock_accept": "iii", "sock_shutdown": "ii",
	} {
		functions = append(functions, wasi(name, signature, noSuchFile))
	}
	return functions
}

// wasi declares a function that returns an error number. signature has an i for
// each i32 and an I for each i64.
func wasi(name, signature string, call func(ctx context.Context, inv *running, memory guestMemory, args []uint64) uint32) function {
	params := make([]api.ValueType, len(signature))
	for i, c := range signature {
		params[i] = i32
		if c == 'I' {
			params[i] = i64
		}
	}
	return function{name, params, []api.ValueType{i32}, itself, callCost, func(ctx context.Context, inv *running, memory guestMemory, stack []uint64) {
		stack[0] = uint64(call(ctx, inv, memory, stack))
	}}
}

func succeed(context.Context, *running, guestMemory, []uint64) uint32 { return wasiSuccess }

func noSuchFile(context.Context, *running, guestMemory, []uint64) uint32 { return wasiBadFile }

func writeZeros(_ context.Context, _ *running, memory guestMemory, args []uint64) uint32 {
	if !memory.WriteUint32Le(uint32(args[0]), 0) || !memory.WriteUint32Le(uint32(args[1]), 0) {
		return wasiFault
	}
	return wasiSuccess
}

func clockTime(_ context.Context, _ *running, memory guestMemory, args []uint64) uint32 {
	const realtime, monotonic = 0, 1
	if id := uint32(args[0]); id != realtime && id != monotonic {
		return wasiInvalid
	}
	if !memory.WriteUint64Le(uint32(args[2]), uint64(time.Now().Truncate(clockStep).UnixNano())) {
		return wasiFault
	}
	return wasiSuccess
}

func random(ctx context.Context, inv *running, memory guestMemory, args []uint64) uint32 {
	b, ok := memory.Read(uint32(args[0]), uint32(args[1]))
	if !ok {
		return wasiFault
	}
	for chunk := range slices.Chunk(b, maxWrite) {
		inv.spend(ctx, uint64(len(chunk))) // about a nanosecond for each byte
		rand.Read(chunk)
	}
	return wasiSuccess
}

// exit ends the guest, as the Go runtime does after a fatal error.
func exit(_ context.Context, _ *running, _ guestMemory, stack []uint64) {
	panic(sys.NewExitError(uint32(stack[0])))
}

// writeFile takes what the guest writes to standard output and error, up to
// [maxWrite] bytes: WASI lets a call write less than it was given.
func writeFile(ctx context.Context, inv *running, memory guestMemory, args []uint64) uint32 {
	const stdout, stderr = 1, 2
	file, vectors, count, written := uint32(args[0]), uint32(args[1]), uint32(args[2]), uint32(args[3])
	if file != stdout && file != stderr {
		return wasiBadFile
	}
	if count > maxVectors {
		return wasiInvalid
	}
	inv.spend(ctx, uint64(count)*vectorCost)
	list, ok := memory.Read(vectors, count*8)
	if !ok {
		return wasiFault
	}
	total := uint32(0)
	for ; len(list) > 0 && total < maxWrite; list = list[8:] {
		b, ok := memory.Read(binary.LittleEndian.Uint32(list), binary.LittleEndian.Uint32(list[4:]))
		if !ok {
			return wasiFault
		}
		b = b[:min(len(b), int(maxWrite-total))]
		inv.write(ctx, b)
		total += uint32(len(b))
	}
	if !memory.WriteUint32Le(written, total) {
		return wasiFault
	}
	return wasiSuccess
}

// poll waits for the earliest clock of the subscriptions, or for the end of the
// invocation, and reports every subscription as due. The layouts are those of
// WASI's subscription (48 bytes) and event (32 bytes).
func poll(ctx context.Context, _ *running, memory guestMemory, args []uint64) uint32 {
	const subscriptionSize, eventSize, clockTag, absolute = 48, 32, 0, 1
	in, out, count, produced := uint32(args[0]), uint32(args[1]), uint32(args[2]), uint32(args[3])
	if count == 0 || count > maxSubscriptions {
		return wasiInvalid
	}
	subscriptions, ok := memory.Read(in, count*subscriptionSize)
	if !ok {
		return wasiFault
	}
	events, ok := memory.Read(out, count*eventSize)
	if !ok {
		return wasiFault
	}
	wait := time.Duration(-1)
	for i := range count {
		s := subscriptions[i*subscriptionSize:][:subscriptionSize]
		e := make([]byte, eventSize)
		copy(e, s[:8]) // the guest's own word for the subscription
		e[10] = s[8]
		if s[8] == clockTag {
			timeout := time.Duration(min(binary.LittleEndian.Uint64(s[24:]), uint64(time.Hour)))
			if binary.LittleEndian.Uint16(s[40:])&absolute != 0 {
				timeout = time.Until(time.Unix(0, int64(binary.LittleEndian.Uint64(s[24:]))))
			}
			if wait < 0 || timeout < wait {
				wait = max(timeout, 0)
			}
		} else {
			binary.LittleEndian.PutUint16(e[8:], wasiBadFile)
			wait = 0
		}
		copy(events[i*eventSize:], e)
	}
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	if !memory.WriteUint32Le(produced, count) {
		return wasiFault
	}
	return wasiSuccess
}
