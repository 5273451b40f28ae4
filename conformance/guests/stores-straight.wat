;; 60,000 stores to a new page of memory each, in one body without a loop or call.
;; Each costs the host's system a page, a thousand times what the instruction says. A
;; thread that cannot be interrupted until the end of the body holds up all others.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 3751)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (func (export "postern_invoke") (param i32) (result i32)
    (@repeat 60000 (i32.store8 offset=4095 (i32.shl (i32.const (@index 0)) (i32.const 12)) (i32.const 1)))
    (call $respond (i32.const 16) (i32.const 28))
    (i32.const 0)))
