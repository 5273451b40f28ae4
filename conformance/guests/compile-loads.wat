;; A compile bomb: 8 functions with 80,000 loads each.
;; Three bytes of code are a check of bounds and a trap besides the load; several functions
;; are compiled at once.
(module
  (memory (export "memory") 1)
  (@repeat 8 (func (param i32) (result i32) local.get 0 (@repeat 80000 i32.load)))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
