;; A table from outside.
(module
  (import "postern" "table" (table 1 funcref))
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
