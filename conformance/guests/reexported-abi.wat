;; The functions of the ABI exported again, under their own names.
;; Exports that nobody asks for must not replace anything for this module or another.
(module
  (import "postern" "receive" (func $receive (param i32)))
  (import "postern" "request" (func $request (param i32 i32) (result i32)))
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (export "receive" (func $receive))
  (export "request" (func $request))
  (export "respond" (func $respond))
  (func (export "postern_invoke") (param i32) (result i32)
    (call $respond (i32.const 16) (i32.const 28))
    (i32.const 0)))
