;; A storm of writes from 1,024 pieces of memory each.
;; By the length of the invocation: of one byte, of one newline, or of none. All those cost
;; the host an address and a length to check.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 12000) "x\n")
  (func (export "postern_invoke") (param $length i32) (result i32)
    (local $at i32)
    (loop $piece
      (i32.store (local.get $at) (i32.add (i32.const 11998) (local.get $length)))
      (i32.store offset=4 (local.get $at) (i32.lt_u (local.get $length) (i32.const 4)))
      (br_if $piece (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 8192))))
    (loop $again (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1024) (i32.const 8192))) (br $again))
    (unreachable)))
