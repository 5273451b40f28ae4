// Package wasm reads and writes WebAssembly 2.0 binaries, so that the sandbox can
// decide about a module, and weave code into it, before an engine sees it.
//
// # Model
//
// [Read] turns bytes into a [Module] whose fields are the sections. Function bodies
// stay bytes; [Instructions] walks them, [AppendInstruction] writes them. After a
// change, [Module.Changed] names the section, and [Module.Bytes] writes the module:
// changed sections anew in their shortest form, all others byte for byte as they
// were read, padded numbers and custom sections included.
//
// Read checks all that the specification's grammar and validation ask for, except
// what needs the types of values on the operand stack; the engine checks those. In
// particular every index names something that exists. The weaver adds functions,
// globals, types and locals behind the module's own; a guest that names one beyond
// its own would otherwise reach them.
//
// The features are those of WebAssembly 2.0: multiple values, reference types, bulk
// memory, sign extension, saturating conversions, mutable globals and vectors. A
// module must mean the same to this package and to the engine, so wherever an
// engine may be laxer or understand more, Read refuses.
//
// # Failure
//
// Read answers hostile input with a [*SyntaxError] or, beyond the given [Bounds], a
// [*BoundError], both with the byte at which it stopped. It never panics, takes time
// proportional to the input, and never allocates by a number that the input names
// unless as many entries can still follow; all it allocates is a small multiple of
// the input. What is read shares memory with the input, which must not change.
package wasm
