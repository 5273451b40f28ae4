;; A compile bomb: 4,000 branches in front of 3,000 variables.
;; Nobody sets the variables, but a compiler that looks for their values goes back through
;; all blocks for each of them.
(module
  (memory (export "memory") 1)
  (func (param i32) (result i32)
    (local (@repeat 3000 i32))
    (@repeat 4000 (block (br_if 0 (local.get 0))))
    (@repeat 3000 local.get (@index 1) drop)
    (local.get 0))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
