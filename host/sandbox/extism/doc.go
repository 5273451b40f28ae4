// Package extism runs plugins that were built with an Extism PDK, in Rust,
// AssemblyScript, C, Zig, Go and others: the kind "extism/1". It exists because
// such a module calls Extism where a postern/1 module calls the host.
//
// # Model
//
// A guest exports postern_invoke without parameters. It reads the invocation as
// Extism's input and leaves the result as Extism's output. Its one host function
// is postern_request in extism:host/user: it takes the offset of a block of
// Extism's memory with an exchange, and returns the offset of one with the reply.
// The documents and everything that is checked of them are those of package abi.
//
// [Admit] checks what a module imports and exports. [Compile] takes it woven, and
// [Module.Invoke] runs one invocation in an instance of its own. The Extism SDK
// compiles, links and calls the module, and its kernel, a module of its own that
// every instance gets, keeps the memory that guest and host share.
//
// # What the guest reaches
//
// The SDK trusts its guests more than a host of strangers may: its functions let a
// guest write anywhere in the kernel's memory, and a kernel whose books were
// overwritten walks them in circles, in native code that nothing can interrupt. So
// Compile redirects the guest's imports of extism:host/env to functions of this
// package, which know the blocks that the guest holds and let it reach nothing
// else. The SDK's own HTTP, variables, configuration and files are not linked to
// any guest.
//
// # Failure
//
// Whatever ends an invocation early is an [*abi.Error], or the error that the
// [Host] or a lent [Function] ended it with, or the context's. The memories of the
// guest and of the kernel are bounded together, and what the host does for a guest
// is charged to its fuel.
package extism
