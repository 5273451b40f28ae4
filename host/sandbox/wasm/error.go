package wasm

import "fmt"

// SyntaxError tells why bytes are not a WebAssembly 2.0 module.
type SyntaxError struct {
	// Offset is the byte of the input at which the problem was seen.
	Offset int
	// Problem says what is wrong there.
	Problem string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("not a WebAssembly 2.0 module: at byte %#x: %s", e.Offset, e.Problem)
}

// BoundError tells that a module may be right but exceeds one of the Bounds.
type BoundError struct {
	// Offset is the byte of the input at which the number was seen.
	Offset int
	// What is counted, in words: "functions", "bytes in a function body".
	What string
	// Count is what the module has, Most what the bound admits.
	Count, Most uint64
}

func (e *BoundError) Error() string {
	return fmt.Sprintf("the module has %d %s; at most %d are admitted (at byte %#x)", e.Count, e.What, e.Most, e.Offset)
}
