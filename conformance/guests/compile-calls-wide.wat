;; A compile bomb: 60,000 calls with 32 parameters and 32 results, in two bytes each.
;; What a call costs a compiler is what it moves: 64 values, here for each two bytes.
(module
  (type $wide (func (param (@repeat 32 i32)) (result (@repeat 32 i32))))
  (memory (export "memory") 1)
  (func $same (type $wide) (@repeat 32 local.get (@index 0)))
  (func (type $wide) (@repeat 32 local.get (@index 0)) (@repeat 60000 call $same))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
