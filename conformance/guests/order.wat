;; The functions of the ABI in an order that the ABI does not know.
;; The length of the invocation chooses: receive twice, receive after a request was
;; received, respond twice, request after the result, a result and a return of 1, no
;; result. Each ends the invocation; no result that was given before counts.
(module
  (import "postern" "receive" (func $receive (param i32)))
  (import "postern" "request" (func $request (param i32 i32) (result i32)))
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 48) "{\22data\22:[],\22message\22:\22fell\22}")
  (func (export "postern_invoke") (param $length i32) (result i32)
    (block $none (block $one (block $late (block $two (block $again (block $twice
      (br_table $twice $again $two $late $one $none (i32.sub (local.get $length) (i32.const 2))))
      (call $receive (i32.const 256))
      (call $receive (i32.const 256))
      (call $respond (i32.const 48) (i32.const 28))
      (return (i32.const 0)))
      (drop (call $request (i32.const 48) (i32.const 28)))
      (call $receive (i32.const 256))
      (call $receive (i32.const 256))
      (call $respond (i32.const 48) (i32.const 28))
      (return (i32.const 0)))
      (call $respond (i32.const 48) (i32.const 28))
      (call $respond (i32.const 48) (i32.const 28))
      (return (i32.const 0)))
      (call $respond (i32.const 48) (i32.const 28))
      (drop (call $request (i32.const 48) (i32.const 28)))
      (return (i32.const 0)))
      (call $respond (i32.const 48) (i32.const 28))
      (return (i32.const 1)))
    (i32.const 0)))
