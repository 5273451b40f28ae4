// Package abi is the JSON contract between a host and its guests, version 1
// ("postern/1"): what each side says to the other, and how strictly it is read.
//
// It is narrow on purpose: one export, three imports, JSON both ways.
//
//	export postern_invoke(len i32) -> i32      an invocation of len bytes is waiting; 0 once respond was called
//	import postern.receive(ptr i32)            copies the waiting bytes to guest memory at ptr
//	import postern.request(ptr, len i32) -> i32  one exchange; returns the length of the reply, now waiting
//	import postern.respond(ptr, len i32)       sets the result of the invocation
//
// A reactor's _initialize is called once if it is exported. WASI preview 1 is a
// stub: clocks, random bytes, standard output and error as log lines; no file,
// no argument, no environment, no socket.
//
// The host hands the guest an [Invocation]. The guest asks for any number of
// exchanges, each an [Exchange] answered by a [Reply], and ends with a [Result].
// A refused exchange is an error value in its reply, which the guest can handle,
// never a trap.
//
// # Triggers
//
// A trigger is an action that the host polls. Its invocation names the trigger, and carries the state that its last run left. Each
// of its rows is a [Record]. What it ends with is committed as one: the records whose keys are new, and the state. "more" asks for the
// next invocation at once, so that a guest hands over a page at a time and its memory stays flat. The same action invoked by hand has
// neither trigger nor state: it lists records, and nothing of it is kept.
//
// # Strictness
//
// Both sides read by [Parse]: input that is over-long, deeper than [MaxDepth], of more than [MaxValues] values,
// not UTF-8, followed by anything, or holding an object that names a key twice is
// refused, as is every member that the contract does not name. JSON parsers differ
// on all of these, so a host that forwarded such bytes could check one document
// and have Graph read another. What passes on is the tree that was checked,
// written anew.
//
// The folder schema holds the same contract as JSON Schemas, and testdata/vectors
// holds documents with the verdict that any implementation must reach on them.
//
// This package imports nothing of the project, and compiles into guests: it stays
// clear of reflection to keep them small.
package abi
