;; _initialize by another type.
(module
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0))
  (func (export "_initialize") (param f64) (result f64) (local.get 0)))
