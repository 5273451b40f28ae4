;; A compile bomb: 1,000 branches in front of 10,000 variables.
;; As compile-blocks-locals, with few branches: a bound on branches alone lets it pass.
(module
  (memory (export "memory") 1)
  (func (param i32) (result i32)
    (local (@repeat 10000 i32))
    (@repeat 1000 (block (br_if 0 (local.get 0))))
    (@repeat 10000 local.get (@index 1) drop)
    (local.get 0))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
