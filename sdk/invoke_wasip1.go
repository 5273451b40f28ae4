package sdk

import (
	"runtime"
	"runtime/debug"
	"strings"
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
	}, listParser)
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

// valuesAtHand is how many JSON values of a page the parser of lists has room for
// from the start: some 250 messages. fastjson's room grows by copying, and takes
// five times as much memory while it does.
const valuesAtHand = 8 << 10

// listParser is made while the module is initialised. The host keeps the module in
// that state, so that each invocation finds the parser's room, and as free
// heap what making it took. An invocation of ordinary size then asks for no more
// memory; an instance whose memory has grown could not be reset for the next one.
var listParser = initialise()

func initialise() *fastjson.Parser {
	parser := new(fastjson.Parser)
	if _, err := parser.Parse("[" + strings.Repeat("0,", valuesAtHand) + "0]"); err == nil {
		_, _ = parser.Parse("0") // lets go of all but the room
	}
	runtime.GC()
	debug.SetGCPercent(-1)
	return parser
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
		debug.SetGCPercent(100)
		return &memory{}
	}
	debug.SetMemoryLimit(size - size/headroom)
	half := uint64(size / 2)
	return &memory{half, half}
}

// collect collects garbage if it is time to.
func (m *memory) collect() {
	if m.half == 0 {
		return
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	if stats.HeapAlloc < m.next {
		return
	}
	runtime.GC()
	runtime.ReadMemStats(&stats)
	// What is in use for good must not make every exchange collect.
	m.next = max(m.half, stats.HeapAlloc+m.half/headroom)
}
