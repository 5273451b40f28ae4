;; A memory larger than there can be.
(module
  (memory (export "memory") 65537)
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
