;; A compile bomb: 3,900 branches with a call each, while 4,000 values are on the stack.
;; All are alive in each block, and what is alive is kept over each call.
(module
  (memory (export "memory") 1)
  (func $same (param i32) (result i32) (local.get 0))
  (func (param i32) (result i32)
    (@repeat 4000 (i32.load (local.get 0)))
    (@repeat 3900 (block (br_if 0 (local.get 0)) (drop (call $same (local.get 0)))))
    (@repeat 3999 i32.add))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
