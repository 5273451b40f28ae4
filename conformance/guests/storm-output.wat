;; A storm of lines on standard output.
;; 1,000 lines at a time, for ever. What is logged is charged by its length.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\10\00\00\00\d0\07\00\00")
  (data (i32.const 16) (@repeat 1000 "x\n"))
  (func (export "postern_invoke") (param i32) (result i32)
    (loop $again (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) (br $again))
    (unreachable)))
