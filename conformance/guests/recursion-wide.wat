;; Endless recursion with wide frames.
;; Each call keeps 1,000 values across the next one, so a bound that counts calls
;; alone lets it use a thousand times the stack.
(module
  (memory (export "memory") 1)
  (func $down (param i64) (result i64)
    (@repeat 1000 (i64.load (i32.wrap_i64 (local.get 0))))
    (call $down (i64.add (local.get 0) (i64.const 1)))
    (@repeat 1000 i64.add))
  (func (export "postern_invoke") (param i32) (result i32)
    (i32.wrap_i64 (call $down (i64.const 0)))))
