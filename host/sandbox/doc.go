// Package sandbox runs plugins: it compiles a WebAssembly module once and gives
// every invocation a fresh instance of it, with nothing in reach but the ABI's
// three functions and a stub of WASI.
//
// # Model
//
// A [Runtime] holds the engine. [Runtime.Compile] admits and compiles a module;
// [Module.Invoke] runs one invocation in pristine memory, and hands what the guest
// asks for to the invocation's [Host]. The guest sees bytes and numbers only: no
// file, socket, argument, environment variable or token exists for it.
//
// # Failure
//
// Everything that ends an invocation early is an [*abi.Error]: memory_exhausted
// when the guest needed more than [Limits].Memory, deadline_exceeded when the
// context ended, plugin_failed for a trap or a breach of the ABI, and whatever
// the Host itself returned. An instance is used once and thrown away.
package sandbox
