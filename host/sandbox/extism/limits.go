package extism

// Bounds of what a guest may ask of Extism's functions. Documents have those of
// package abi.
const (
	// maxBlocks is how many blocks of Extism's memory a guest may hold at a time. A
	// PDK holds two for each exchange until it frees them, and the kernel walks its
	// blocks whenever it allocates one.
	maxBlocks = 32 << 10
	// maxLogMessage bounds what is taken of one log message, in bytes; the rest is
	// dropped.
	maxLogMessage = 16 << 10
	// maxLogLine bounds one line of it, in bytes; the rest of a longer one is dropped.
	maxLogLine = 4 << 10
	// maxErrorText bounds what is taken of the message that a plugin fails with, in
	// bytes.
	maxErrorText = 1 << 10
)

// Fuel that the guest is charged for what the host does for it, in the units of
// weaving: a third of a nanosecond to one nanosecond.
const (
	// costCall is for any call of Extism's functions: leaving native code and coming
	// back takes 80 to 300 ns.
	costCall = 256
	// costKernel is for a call of the kernel, which the SDK looks up and gives a new
	// stack each time: 10 to 20 microseconds.
	costKernel = 16 << 10
	// costBlock is for each block of the guest's that the kernel passes when it looks
	// for a free one.
	costBlock = 2
	// bytesPerUnit is what the host copies for one unit.
	bytesPerUnit = 16
)
