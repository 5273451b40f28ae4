;; A compile bomb: 200 functions that use 1,000 globals and make 250 calls each.
;; As compile-calls-globals, with nothing in one function that is much.
(module
  (memory (export "memory") 1)
  (@repeat 1000 (global (mut i32) (i32.const 0)))
  (func $nothing)
  (@repeat 200 (func
    (@repeat 1000 global.get (@index 0) drop)
    (@repeat 250 call $nothing)))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
