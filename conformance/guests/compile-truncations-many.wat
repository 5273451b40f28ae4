;; A compile bomb: 40 functions with 26,000 conversions from floating point each.
;; As compile-truncations, with nothing in one function that is much.
(module
  (memory (export "memory") 1)
  (@repeat 40 (func (param i32) (result i32)
    local.get 0 (@repeat 26000 f32.convert_i32_s i32.trunc_f32_s)))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
