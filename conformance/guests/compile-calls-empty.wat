;; A compile bomb: 16 functions with 120,000 calls each of one that does nothing.
;; Two bytes of code are ten times as many bytes of native code, and more while it is made.
(module
  (memory (export "memory") 1)
  (func $nothing)
  (@repeat 16 (func (@repeat 120000 call $nothing)))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
