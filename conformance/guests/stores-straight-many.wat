;; 60,000 stores to a new page of memory each, in four calls of one body.
;; As stores-straight, with a body that is small enough for any host.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 3751)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (func $touch (param i32)
    (@repeat 15000
      (i32.store8 offset=4095 (local.get 0) (i32.const 1))
      (local.set 0 (i32.add (local.get 0) (i32.const 4096)))))
  (func (export "postern_invoke") (param i32) (result i32)
    (call $touch (i32.const 0))
    (call $touch (i32.const 61440000))
    (call $touch (i32.const 122880000))
    (call $touch (i32.const 184320000))
    (call $respond (i32.const 16) (i32.const 28))
    (i32.const 0)))
