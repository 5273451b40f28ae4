;; A compile bomb: 1,900 types of functions, and 26,000 functions.
;; As compile-types-functions, each number small enough.
(module
  (@repeat 1900 (type (func (param (@repeat 15 i32)))))
  (memory (export "memory") 1)
  (@repeat 26000 (func))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
