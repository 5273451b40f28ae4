;; A compile bomb: 10,000 data segments, each in a memory.init of 20 functions.
(module
  (memory (export "memory") 1)
  (@repeat 10000 (data ""))
  (@repeat 20 (func (@repeat 10000 (memory.init (@index 0) (i32.const 0) (i32.const 0) (i32.const 0)))))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
