;; A compile bomb: a million functions that do nothing.
;; Every function costs the compiler more than its three bytes.
(module
  (memory (export "memory") 1)
  (@repeat 1000000 (func))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
