// Package postern is the root of a WebAssembly plugin host for Microsoft 365
// automation. It holds no code: programs embed package host, plugins import package
// sdk, and the command line is cmd/postern.
package postern
