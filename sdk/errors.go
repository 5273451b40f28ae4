package sdk

import (
	"errors"

	"github.com/postern-dev/postern/abi"
)

// NewError is a failure of the given class. message says what happened and what
// to do next.
//
// It is not inlined, like what else is called in a hundred places: that makes modules smaller by tens of kilobytes.
//
//go:noinline
func NewError(code abi.Code, message string) *abi.Error {
	return &abi.Error{Code: code, Message: message}
}

// InvalidInput is a failure that the named parameter causes, for what a manifest
// cannot express, such as two parameters that exclude each other.
//
//go:noinline
func InvalidInput(parameter, message string) *abi.Error {
	return &abi.Error{Code: abi.InvalidInput, Message: message, Detail: abi.Detail{Parameter: parameter}}
}

// asError gives err the form of the contract: an [*abi.Error] as it is, one that is
// wrapped with the message of its wrapping, a bare code as itself, and anything
// else as a fault of the plugin.
func asError(err error) *abi.Error {
	if e, ok := err.(*abi.Error); ok {
		return e
	}
	wrapped := abi.Error{Code: abi.PluginFailed}
	var e *abi.Error
	var code abi.Code
	switch {
	case errors.As(err, &e):
		wrapped = *e
	case errors.As(err, &code):
		wrapped.Code = code
	}
	wrapped.Message = err.Error()
	return &wrapped
}
