;; A line without an end.
;; 64 MiB of it must not be kept for the newline that never comes.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00\00\00\00\00\00\01\00")
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (func (export "postern_invoke") (param i32) (result i32)
    (local $n i32)
    (loop $again
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1024))))
    (call $respond (i32.const 16) (i32.const 28))
    (i32.const 0)))
