;; A compile bomb: 100 functions with 1,000 branches in front of 480 variables each.
;; As compile-blocks-locals, with nothing in one function that is much.
(module
  (memory (export "memory") 1)
  (@repeat 100 (func (param i32) (result i32)
    (local (@repeat 480 i32))
    (@repeat 1000 (block (br_if 0 (local.get 0))))
    (@repeat 480 local.get (@index 1) drop)
    (local.get 0)))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
