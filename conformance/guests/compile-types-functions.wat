;; A compile bomb: 19,000 types of functions, and 100,000 functions.
;; A compiler that prepares all types for each function takes time with the product.
(module
  (@repeat 19000 (type (func (param (@repeat 15 i32)))))
  (memory (export "memory") 1)
  (@repeat 100000 (func))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
