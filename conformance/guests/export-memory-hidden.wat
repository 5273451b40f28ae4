;; A memory that is not exported.
(module
  (memory 1)
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
