;; Data segments that write over each other, in order, up to the last byte of memory.
;; A host that keeps memory as an image must have applied them as instantiation does.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22fell\22}")
  (data (i32.const 17) "\22data\22:[],\22message\22:\22held\22}")
  (data (i32.const 0x10000) "")
  (data (i32.const 0xffff) "x")
  (func (export "postern_invoke") (param i32) (result i32)
    (if (i32.ne (i32.load8_u (i32.const 0xffff)) (i32.const 120)) (then (unreachable)))
    (call $respond (i32.const 16) (i32.const 28))
    (i32.const 0)))
