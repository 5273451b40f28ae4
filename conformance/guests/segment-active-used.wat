;; A data segment that is written when the module begins, used again by the guest.
;; The specification drops it after that, so asking for a byte of it traps, and asking for
;; none, or dropping it again, does not. The length of the invocation chooses.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 1)
  (data $held (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (func (export "postern_invoke") (param $length i32) (result i32)
    (data.drop $held)
    (memory.init $held (i32.const 0) (i32.const 0) (i32.const 0))
    (if (i32.ne (local.get $length) (i32.const 2))
      (then (memory.init $held (i32.const 0) (i32.const 0) (i32.const 1))))
    (call $respond (i32.const 16) (i32.const 28))
    (i32.const 0)))
