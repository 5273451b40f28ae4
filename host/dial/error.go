package dial

import "github.com/postern-dev/postern/abi"

// Error is why the way out was not taken, where that is the operator's to mend. It holds no text of a server's.
type Error struct {
	Code abi.Code
	// Cause is what happened and Remedy what to do about it.
	Cause, Remedy string
}

func (e *Error) Error() string { return e.Cause + "; " + e.Remedy }

// Unwrap gives the error that the rest of the project knows.
func (e *Error) Unwrap() error { return &abi.Error{Code: e.Code, Message: e.Error()} }
