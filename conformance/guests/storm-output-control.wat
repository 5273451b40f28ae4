;; A storm of control characters on standard output.
;; Lines of 4,096 of them, 15 at a time, for ever. Each character must be escaped, which
;; takes the host longer than the guest that repeats one call.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\10\00\00\00\60\ea\00\00")
  (func (export "postern_invoke") (param i32) (result i32)
    (local $at i32)
    (memory.fill (i32.const 16) (i32.const 1) (i32.const 60000))
    (loop $line
      (i32.store8 offset=16 (local.get $at) (i32.const 10))
      (br_if $line (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4096))) (i32.const 60000))))
    (loop $again (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) (br $again))
    (unreachable)))
