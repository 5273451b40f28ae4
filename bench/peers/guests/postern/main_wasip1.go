// Command postern is the guest that the benchmarks run: as bare as a Go guest can
// be, so that what is measured is the host. It returns what it gets, and does first
// what the first byte asks for.
package main

import (
	"runtime"
	"unsafe"

	"github.com/valyala/fastjson"
)

//go:wasmimport postern receive
func receive(ptr unsafe.Pointer)

//go:wasmimport postern request
func request(ptr unsafe.Pointer, size int32) int32

//go:wasmimport postern respond
func respond(ptr unsafe.Pointer, size int32)

//go:wasmexport postern_invoke
func invoke(size int32) int32 {
	document := received(size)
	switch document[0] {
	case 'p':
		parse(document[1:])
	case 'r':
		received(request(unsafe.Pointer(&document[0]), size))
	}
	respond(unsafe.Pointer(&document[0]), size)
	return 0
}

func received(size int32) []byte {
	document := make([]byte, size)
	receive(unsafe.Pointer(&document[0]))
	return document
}

// parser keeps its memory from one call to the next, in a host that does not reset the guest:
// then what is measured is parsing, and no collection of garbage.
var parser fastjson.Parser

func parse(document []byte) {
	if _, err := parser.ParseBytes(document); err != nil {
		panic(err)
	}
}

// The heap has its room before the first invocation, as that of a plugin made
// with the SDK has: no invocation needs to grow the memory.
var _ = func() bool {
	room := make([]byte, 4<<20)
	runtime.KeepAlive(room)
	runtime.GC()
	return true
}()

func main() {}
