;; A compile bomb: 30,000 loops that each take 32 values and give 32.
;; Seven bytes make 64 values of blocks.
(module
  (type $wide (func (param (@repeat 32 i32)) (result (@repeat 32 i32))))
  (memory (export "memory") 1)
  (func (type $wide)
    (@repeat 32 local.get (@index 0))
    (@repeat 30000 loop (type $wide) local.get 0 br_if 0 end))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
