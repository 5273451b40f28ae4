package sandbox

import "time"

// Bounds of what is admitted and of what a guest may hand to the host. The ABI's
// own bounds, on documents, are in package abi.
const (
	// MaxModule is the size of the largest module that is compiled, in bytes. A Go
	// guest has 2.5 to 4 MB. Package catalog reads no larger one.
	MaxModule = 32 << 20
	// MaxMemory is the most linear memory that any invocation may be given, in bytes.
	// Manifests are bound to the same when they are read; this holds whoever calls.
	MaxMemory = 256 << 20
	// maxTable bounds the elements of all tables of a module. A Go guest has one for
	// each of its functions.
	maxTable = 100_000
	// maxPages is the most that a memory can have by the specification.
	maxPages = 65536
	// maxStack is what the frames of nested calls may take together, in bytes by the
	// weaver's estimate: some two thousand calls of Go functions. The engine doubles a
	// stack that is too small, so a guest may cost up to three times as much while it grows.
	maxStack = 2 << 20
	// maxTables bounds the tables of a module.
	maxTables = 16
	// maxSegments bounds the data segments that instructions can name: each gets a function of its own.
	maxSegments = 10_000
	// maxBody bounds the code of one function, in bytes. The largest of a Go guest has 29 KB.
	maxBody = 256 << 10
	// maxWorkers bounds the processors that compile: each takes memory for the function
	// that it is at.
	maxWorkers = 4
	// compileTime bounds compiling a module. A Go guest of 4 MB takes half a second; on a machine that has
	// much else to do, or under the race detector, fifty times that.
	compileTime = 2 * time.Minute
	// maxOutputLine bounds one line that a guest writes to standard output or
	// error, in bytes; the rest of a longer one is dropped.
	maxOutputLine = 4 << 10
	// maxWrite bounds what one call writes or fills with random bytes, in bytes: host
	// code cannot be interrupted, so it comes back to the guest often.
	maxWrite = 64 << 10
	// maxVectors bounds the pieces of guest memory that one call writes from.
	maxVectors = 1024
	// maxSubscriptions bounds what a guest waits for in one poll_oneoff.
	maxSubscriptions = 16
	// pageSize is the unit of WebAssembly memory, in bytes.
	pageSize = 64 << 10
)

// Limits bounds one invocation; 0 is none at all, not a default. The time is bounded by its context.
type Limits struct {
	// Memory is how much linear memory the guest may have, in bytes, up to [MaxMemory].
	Memory uint64
	// Fuel is how much computing it may do, in units of about one instruction.
	Fuel uint64
}
