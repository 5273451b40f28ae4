;; The largest invocation and the largest result, again and again.
;; The guest receives what it is sent, up to 8 MiB. If that was all of them, it responds,
;; and otherwise hands over 16 MiB and then traps: no copy may outlive its invocation.
(module
  (import "postern" "receive" (func $receive (param i32)))
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 257)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (func (export "postern_invoke") (param $length i32) (result i32)
    (call $receive (i32.const 0x10000))
    (if (i32.ne (local.get $length) (i32.const 0x800000))
      (then
        (call $respond (i32.const 0x10000) (i32.const 0x1000000))
        (unreachable)))
    (call $respond (i32.const 16) (i32.const 28))
    (i32.const 0)))
