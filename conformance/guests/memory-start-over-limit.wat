;; A memory that starts larger than the invocation may have.
;; The module is sound; with this limit it cannot run.
(module
  (memory (export "memory") 32)
  (func (export "postern_invoke") (param i32) (result i32) (unreachable)))
