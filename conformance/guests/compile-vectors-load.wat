;; A compile bomb: 8 functions with 35,000 loads of vectors each.
;; As compile-loads, and every vector is taken apart again.
(module
  (memory (export "memory") 1)
  (@repeat 8 (func (param i32) (result i32)
    local.get 0 (@repeat 35000 v128.load i32x4.extract_lane 0)))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
