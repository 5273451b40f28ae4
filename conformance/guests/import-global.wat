;; A global from outside.
(module
  (import "postern" "global" (global (mut i64)))
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
