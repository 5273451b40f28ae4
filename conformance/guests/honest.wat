;; No attack.
;; An honest guest that receives, asks once and responds. The host must run it, before and
;; after all others.
(module
  (import "postern" "receive" (func $receive (param i32)))
  (import "postern" "request" (func $request (param i32 i32) (result i32)))
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (data (i32.const 64) "{\22op\22:\22log\22,\22level\22:\22info\22,\22message\22:\22honest\22}")
  (func (export "postern_invoke") (param $length i32) (result i32)
    (call $receive (i32.const 1024))
    (drop (call $request (i32.const 64) (i32.const 46)))
    (call $receive (i32.const 1024))
    (call $respond (i32.const 16) (i32.const 28))
    (i32.const 0)))
