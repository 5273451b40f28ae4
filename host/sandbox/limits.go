package sandbox

// Bounds of what is admitted and of what a guest may hand to the host. The ABI's
// own bounds, on documents, are in package abi.
const (
	// MaxModule is the size of the largest module that is compiled, in bytes. A Go
	// guest has 2.5 to 4 MB. Package catalog reads no larger one.
	MaxModule = 32 << 20
	// MaxMemory is the most linear memory that any invocation may be given, in bytes.
	// Manifests are bound to the same when they are read; this holds whoever calls.
	MaxMemory = 256 << 20
	// maxImports bounds the functions that a module imports.
	maxImports = 64
	// maxExports bounds the functions that a module exports.
	maxExports = 64
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

// Limits bounds one invocation. The time is bounded by its context.
type Limits struct {
	// Memory is how much linear memory the guest may have, in bytes, up to [MaxMemory].
	Memory uint64
}
