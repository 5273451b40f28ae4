;; A function of the ABI by another type.
;; A host that links by name alone would read arguments that nobody passed.
(module
  (import "postern" "receive" (func (param i32 i32 i32) (result i64)))
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
