// Package conformance is a kit of hostile modules for hosts of WebAssembly plugins:
// what each one attacks, and what a host that stands must do.
//
// # Model
//
// A guest is one file of WebAssembly text in the folder guests, which says at its top
// what it attacks. cases.json says, for each guest, whether a host may admit it, under
// which limits it is invoked, how often, and how each invocation may end. [Cases] reads
// both. README.md documents the form for hosts that are not written in Go; the command
// conformance/export writes the modules as binaries.
//
// The guests speak postern/1, and know no more of their host than its three functions
// and its stub of WASI.
//
// # Failure
//
// A case fails if the host does anything but what its case allows: answers "fell",
// ends by another code, is late, takes more memory than stated, stands still, or cannot
// run the guest honest afterwards.
package conformance
