// Package wat assembles the text format of WebAssembly 2.0, SIMD included.
//
// It exists because the hostile modules of the conformance kit are kept as text
// that a reader can judge, and no other pure-Go assembler of that text is published.
//
// # Model
//
// [Assemble] reads the text to a tree of lists, counts and names what the module
// declares, then defines it. It translates; it does not validate: an index out of
// range, a body that does not type-check or an alignment that is too large is
// written as it stands, because a host's refusal of exactly that is what the kit
// tests. What even an index cannot express (a wrong section order, a size that
// lies) is given as bytes: (module binary "…").
//
// # Annotations
//
// Two annotations keep large modules small. They work anywhere in the text:
//
//	(@repeat 2000 …)    what is inside, 2,000 times
//	(@index 7)          in a repetition: the number of its turn, from 0, plus 7
//	(@index "export")   in a repetition: the text with the turn's number after it, "export0"
//
// # Failure
//
// Whatever is unknown, out of range of its field or out of place is an [*Error]
// with its line and column. Text, nesting, repetition and the binary are bounded.
package wat
