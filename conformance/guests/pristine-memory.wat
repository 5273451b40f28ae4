;; What an earlier invocation left in memory.
;; Every invocation looks through a page that is all zero at first, and below the
;; second half of it for what the module put there, then writes over both. With a
;; "fault" it traps after that. Each must find memory as the module describes it.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (data (i32.const 48) "{\22data\22:[],\22message\22:\22fell\22}")
  (data (i32.const 1024) "\01\00\00\00\00\00\00\00")
  (func (export "postern_invoke") (param $length i32) (result i32)
    (local $at i32) (local $seen i64)
    (local.set $seen (i64.xor (i64.load (i32.const 1024)) (i64.const 1)))
    (local.set $at (i32.const 2048))
    (loop $again
      (local.set $seen (i64.or (local.get $seen) (i64.load (local.get $at))))
      (i64.store (local.get $at) (i64.const 0x7365637265742121))
      (br_if $again (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 0x20000))))
    (i64.store (i32.const 1024) (i64.const 7))
    (if (i32.ne (local.get $length) (i32.const 2)) (then (unreachable)))
    (call $respond (select (i32.const 16) (i32.const 48) (i64.eqz (local.get $seen))) (i32.const 28))
    (i32.const 0)))
