;; A compile bomb: 2,000 calls in a function that uses 5,000 globals.
;; Any call may change any global, so a compiler that keeps them in registers loads each
;; anew after each call: ten million loads of 51,000 bytes.
(module
  (memory (export "memory") 1)
  (@repeat 5000 (global (mut i32) (i32.const 0)))
  (func $nothing)
  (func (@repeat 5000 global.get (@index 0) drop) (@repeat 2000 call $nothing))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
