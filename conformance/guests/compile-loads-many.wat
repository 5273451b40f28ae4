;; A compile bomb: 40 functions with 48,000 loads each.
;; As compile-loads, with nothing in one function that is much.
(module
  (memory (export "memory") 1)
  (@repeat 40 (func (param i32) (result i32) local.get 0 (@repeat 48000 i32.load)))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
