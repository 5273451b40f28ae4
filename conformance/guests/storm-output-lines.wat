;; A storm of empty lines on standard output.
;; 60,000 newlines at a time, for ever: a line costs the host more than its bytes.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\10\00\00\00\60\ea\00\00")
  (func (export "postern_invoke") (param i32) (result i32)
    (memory.fill (i32.const 16) (i32.const 10) (i32.const 60000))
    (loop $again (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) (br $again))
    (unreachable)))
