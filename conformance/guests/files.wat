;; Files, folders and sockets through the stub of WASI.
;; Descriptors 0 to 9 must not be there, apart from standard output and error, and no
;; folder is open before. A host may as well refuse the module for asking.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (data (i32.const 48) "{\22data\22:[],\22message\22:\22fell\22}")
  (data (i32.const 96) "/etc/passwd")
  (data (i32.const 128) "\00\01\00\00\10\00\00\00")
  (func (export "postern_invoke") (param i32) (result i32)
    (local $fd i32) (local $fell i32)
    (loop $again
      (local.set $fell (i32.or (local.get $fell) (i32.eqz (call $prestat (local.get $fd) (i32.const 512)))))
      (local.set $fell (i32.or (local.get $fell) (i32.eqz (call $open (local.get $fd) (i32.const 1) (i32.const 96) (i32.const 11) (i32.const 0) (i64.const 2) (i64.const 2) (i32.const 0) (i32.const 512)))))
      (local.set $fell (i32.or (local.get $fell) (i32.eqz (call $read (local.get $fd) (i32.const 128) (i32.const 1) (i32.const 512)))))
      (local.set $fell (i32.or (local.get $fell) (i32.eqz (call $accept (local.get $fd) (i32.const 0) (i32.const 512)))))
      (br_if $again (i32.lt_u (local.tee $fd (i32.add (local.get $fd) (i32.const 1))) (i32.const 10))))
    (call $respond (select (i32.const 48) (i32.const 16) (local.get $fell)) (i32.const 28))
    (i32.const 0)))
