;; A compile bomb: 100 functions with 700 branches and calls while 3,000 values are on
;; the stack. As compile-blocks-values, with nothing in one function that is much.
(module
  (memory (export "memory") 1)
  (func $same (param i32) (result i32) (local.get 0))
  (@repeat 100 (func (param i32) (result i32)
    (@repeat 3000 (i32.load (local.get 0)))
    (@repeat 700 (block (br_if 0 (local.get 0)) (drop (call $same (local.get 0)))))
    (@repeat 2999 i32.add)))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
