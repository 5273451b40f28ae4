;; A memory from outside.
;; Memory that is shared is not reset by the host of one module.
(module
  (import "postern" "memory" (memory 1))
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
