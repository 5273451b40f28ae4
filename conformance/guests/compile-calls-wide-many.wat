;; A compile bomb: 40 functions with 7,000 calls of 32 parameters and 32 results each.
;; As compile-calls-wide, with nothing in one body that is much.
(module
  (type $wide (func (param (@repeat 32 i32)) (result (@repeat 32 i32))))
  (memory (export "memory") 1)
  (func $same (type $wide) (@repeat 32 local.get (@index 0)))
  (@repeat 40 (func (type $wide) (@repeat 32 local.get (@index 0)) (@repeat 7000 call $same)))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
