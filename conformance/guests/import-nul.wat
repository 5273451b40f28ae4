;; A function of the ABI, with a NUL behind its name.
;; Where a C string ends must not matter.
(module
  (import "postern" "receive\00" (func (param i32)))
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
