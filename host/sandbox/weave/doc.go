// Package weave rewrites a WebAssembly module so that its host stays in control: of
// how long it runs, how deeply it calls, and what it leaves behind. An engine that
// compiles to native code cannot be interrupted, so the code must ask by itself.
//
// # Model
//
// [Weave] takes a module that the package wasm has read. What it adds cannot be named
// by the module's own code:
//
//   - Fuel. The global [ExportFuel] holds the units that are left. Code takes from it
//     what it costs, by the table of [Cost], and when less than none is left calls the
//     import yield, which hands out more or ends the guest. As it is 0 at first,
//     nothing runs before the first yield. The cost is charged ahead, at a function's
//     entry, in each turn of a loop, at each case of a br_table and at an expensive arm
//     of an if; the sum depends on the module and its input alone, and is never less
//     than what is executed. It can be more, by what a branch leaves out.
//   - Bulk instructions are charged by their length, and ask for fuel on the way.
//   - Call depth. Functions that call others count an estimate of their frame; when
//     [Options].StackBytes are used up, yield is called with [StackOverflow].
//   - Reset. Mutable numeric globals are exported, [ExportTouched] tells of changes
//     that neither they nor the memory show, and active data segments are written by
//     the function [ExportData], so that an instance can also be made from a snapshot.
//   - Limits. Memories and tables get a maximum. Custom sections are dropped.
//
// While a function runs, the fuel may be in one of its locals: the global is exact
// whenever the host is called, and when a call from the host returns. It is not
// after a trap.
//
// What the module computes does not change, traps included. Modules with imported
// memories or a start function are woven too, but keep their active data segments.
//
// # Failure
//
// Weave fails only if a memory or table starts beyond its limit. It takes time and
// memory proportional to the module, and does not panic on anything that wasm.Read
// accepts; whether the values on the stack have the right types is left to the engine,
// which must refuse the woven module if it would have refused the module. A module
// must be woven once only, and admission must have refused imports from
// [ImportModule] and exports that begin with [ExportPrefix].
package weave
