// Package sandbox runs plugins: it admits WebAssembly modules, and gives every
// invocation an instance in pristine memory, with nothing in reach but the ABI's
// functions and a stub of WASI.
//
// # Model
//
// A [Runtime] holds modules. [Runtime.Compile] admits one and compiles it, in an engine of its own;
// [Module.Invoke] runs one invocation, and hands what the guest asks for to the
// invocation's [Host]. The guest sees bytes and numbers only: no file, socket,
// argument, environment variable or token exists for it.
//
// # Admission
//
// A module is read by a strict reader (package wasm), checked against what its kind
// imports and exports, and bounded in everything that an engine spends time or memory on.
// Then fuel is woven into its code (package weave): it counts what it does, and calls
// the host when a slice of fuel is used up. So the host can end any guest within a slice,
// ten microseconds as a rule, whatever it does; and as the count depends on nothing
// but the module and its input, it is a budget that means the same everywhere. The
// engine's own way to end guests is off: it costs far more, and misses those that
// never loop.
//
// What admission made is kept on disk (package codecache) if [Config] says so: native code,
// and an outline of the module, which is all that the engine reads besides.
//
// # Pristine memory
//
// A module initialises itself, and its memory as it is then becomes an image
// (package image), from which every instance starts: mapped copy-on-write, and
// reset in place after an invocation that ended well. An instance that trapped, was
// ended, grew its memory, or changed its tables or segments is thrown away. Instances
// wait in a bounded pool for the next invocation, and are closed when none comes.
//
// Modules of the kind extism/1 (package extism) are admitted and woven alike. Each
// invocation of them has a new instance.
//
// # Failure
//
// Everything that ends an invocation early is an [*abi.Error]: fuel_exhausted and
// memory_exhausted for the bounds of [Limits], deadline_exceeded when the context
// ended, plugin_failed for a trap or a breach of the ABI, internal for a fault of the
// host such as a panic of [Host].Exchange, and whatever the Host itself returned. A
// cancelled context gives its own error, and what was closed [ErrClosed]. Nothing of an
// invocation that failed is used again.
package sandbox
