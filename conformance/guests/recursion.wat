;; Endless recursion.
;; The engine's own ceiling may be tens of megabytes for each call in flight. The
;; host must bound depth, and many at once must not add up to gigabytes.
(module
  (memory (export "memory") 1)
  (func $down (param i64) (result i64) (i64.add (call $down (i64.add (local.get 0) (i64.const 1))) (i64.const 1)))
  (func (export "postern_invoke") (param i32) (result i32)
    (i32.wrap_i64 (call $down (i64.const 0)))))
