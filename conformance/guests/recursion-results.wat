;; Endless recursion of a function with 30 parameters and 30 results.
(module
  (type $wide (func (param (@repeat 30 i64)) (result (@repeat 30 i64))))
  (memory (export "memory") 1)
  (func $down (type $wide) (@repeat 30 (local.get (@index 0))) (call $down))
  (func (export "postern_invoke") (param i32) (result i32)
    (@repeat 30 i64.const 1) (call $down) (@repeat 30 drop)
    (i32.const 0)))
