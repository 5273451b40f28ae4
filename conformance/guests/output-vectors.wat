;; Lists of pieces to write that lie.
;; 2^29 pieces, whose table's length wraps around to nothing; a table at the end of
;; memory; a piece outside it. Each is an error number to the guest, or ends it.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\f0\ff\00\00\20\00\00\00\f0\ff\ff\ff\20\00\00\00")
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (data (i32.const 48) "{\22data\22:[],\22message\22:\22fell\22}")
  (func (export "postern_invoke") (param i32) (result i32)
    (call $respond
      (select (i32.const 16) (i32.const 48)
        (i32.and
          (i32.and
            (i32.ne (call $write (i32.const 1) (i32.const 0) (i32.const 0x20000000) (i32.const 100)) (i32.const 0))
            (i32.ne (call $write (i32.const 1) (i32.const 0xfffc) (i32.const 1) (i32.const 100)) (i32.const 0)))
          (i32.and
            (i32.ne (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 100)) (i32.const 0))
            (i32.ne (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 100)) (i32.const 0)))))
      (i32.const 28))
    (i32.const 0)))
