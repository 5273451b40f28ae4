;; A compile bomb: 40,000 calls in one body, with values alive across all of them.
(module
  (memory (export "memory") 1)
  (func $f (param i64) (result i64) (local.get 0))
  (func (export "postern_invoke") (param i32) (result i32)
    (local (@repeat 200 i64))
    (@repeat 200 (@repeat 200 (local.set (@index 1) (call $f (i64.add (local.get (@index 1)) (local.get 1))))))
    (i32.const 0)))
