package sdk

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"unsafe"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

//go:wasmimport postern receive
func receive(ptr unsafe.Pointer)

//go:wasmimport postern request
func request(ptr unsafe.Pointer, size int32) int32

//go:wasmimport postern respond
func respond(ptr unsafe.Pointer, size int32)

// Invoke does the invocation of size bytes that the host has waiting. It is the
// whole body of a module's export postern_invoke, and returns 0.
func (p Plugin) Invoke(size int32) int32 {
	result := p.invoke(waiting(nil, size))
	respond(unsafe.Pointer(unsafe.SliceData(result)), int32(len(result)))
	return 0
}

func (p Plugin) invoke(invocation []byte) []byte {
	var parser fastjson.Parser
	inv, err := abi.ParseInvocation(&parser, invocation)
	if err != nil {
		return failed(err)
	}
	memory := boundMemory(inv.Memory)
	var reply []byte
	return p.run(inv, func(exchange []byte) []byte {
		memory.collect()
		reply = waiting(reply, request(unsafe.Pointer(unsafe.SliceData(exchange)), int32(len(exchange))))
		return reply
	})
}

// room is how much of a module's heap is free before its first invocation, in bytes.
// The host keeps a module as it is once it has initialised itself, and starts every
// invocation from that. One that has to grow the memory costs the host a new instance.
const room = 4 << 20

var _ = makeRoom()

// makeRoom takes the memory from the host and gives it back to Go's heap. Nothing is
// written there, so the host keeps none of it.
func makeRoom() bool {
	taken := make([]byte, room)
	runtime.KeepAlive(taken)
	runtime.GC()
	return true
}

// waiting receives the size bytes that wait, into buffer if it is large enough.
func waiting(buffer []byte, size int32) []byte {
	if size <= 0 {
		return nil
	}
	if cap(buffer) < int(size) {
		buffer = make([]byte, size)
	}
	buffer = buffer[:size]
	receive(unsafe.Pointer(unsafe.SliceData(buffer)))
	return buffer
}

// headroom is the part of its memory, one quarter, that a module leaves to what Go's
// limit does not count, such as its static data, to gaps between what is in use, and
// to what comes in while a collection is under way.
const headroom = 4

// memory decides when garbage is collected. An invocation that fits its memory is
// over before garbage matters. A longer one collects between two exchanges, once
// half of its memory is in use: Go's own collector works alongside the program, and without
// threads it can fall behind until memory has run out.
type memory struct{ half, next uint64 }

// boundMemory sets the bounds for a module of so many bytes of memory.
func boundMemory(size int64) *memory {
	if size == 0 { // the host does not tell: collect at Go's own pace
		return &memory{}
	}
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(size - size/headroom)
	half := uint64(size / 2)
	return &memory{half, half}
}

// heap is the sample of how much memory is in use: what is reachable, and garbage that was not collected. The first
// reading has the runtime prepare its metrics, and so belongs to what a module does before it is kept.
var heap = firstReading()

func firstReading() []metrics.Sample {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample
}

// inUse reads the sample. Unlike [runtime.ReadMemStats], which took a quarter of a short invocation, it does not stop
// the program.
func inUse() uint64 {
	metrics.Read(heap)
	return heap[0].Value.Uint64()
}

// collect collects garbage if it is time to.
func (m *memory) collect() {
	if m.half == 0 || inUse() < m.next {
		return
	}
	runtime.GC()
	// What is in use for good must not make every exchange collect.
	m.next = max(m.half, inUse()+m.half/headroom)
}
