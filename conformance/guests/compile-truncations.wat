;; A compile bomb: 120,000 conversions from floating point, in one body.
;; Each traps for what does not fit, and tells that from what is no number: branches that
;; the text does not show.
(module
  (memory (export "memory") 1)
  (func (param i32) (result i32)
    local.get 0 (@repeat 120000 f32.convert_i32_s i32.trunc_f32_s))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
