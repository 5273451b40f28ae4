;; A compile bomb: 40,000 variables, all of them used.
(module
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param i32) (result i32)
    (local (@repeat 40000 i64))
    (@repeat 40000 (local.set (@index 1) (i64.load (local.get 0))))
    (@repeat 40000 (i64.store (local.get 0) (local.get (@index 1))))
    (i32.const 0)))
