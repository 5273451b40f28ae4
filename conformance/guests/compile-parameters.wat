;; A function with 100,000 parameters and 100,000 results.
(module
  (memory (export "memory") 1)
  (func (param (@repeat 100000 i64)) (result (@repeat 100000 i64)) (unreachable))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
