;; Addresses and lengths that just fit.
;; The last bytes of memory are the guest's own: reading and writing them must work.
(module
  (import "postern" "receive" (func $receive (param i32)))
  (import "postern" "request" (func $request (param i32 i32) (result i32)))
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0xffe4) "{\22data\22:[],\22message\22:\22held\22}")
  (func (export "postern_invoke") (param $length i32) (result i32)
    (call $receive (i32.const 0xff00))
    (drop (call $request (i32.const 0xffe4) (i32.const 28)))
    (call $receive (i32.const 0))
    (call $respond (i32.const 0xffe4) (i32.const 28))
    (i32.const 0)))
