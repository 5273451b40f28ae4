;; A compile bomb: 60,000 data segments, and a memory.init for each.
;; A host that makes something of each pair, or looks for one among all, takes time with
;; the square.
(module
  (memory (export "memory") 1)
  (@repeat 60000 (data ""))
  (func (@repeat 15000 (memory.init (@index 0) (i32.const 0) (i32.const 0) (i32.const 0))))
  (func (@repeat 15000 (memory.init (@index 15000) (i32.const 0) (i32.const 0) (i32.const 0))))
  (func (@repeat 15000 (memory.init (@index 30000) (i32.const 0) (i32.const 0) (i32.const 0))))
  (func (@repeat 15000 (memory.init (@index 45000) (i32.const 0) (i32.const 0) (i32.const 0))))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
