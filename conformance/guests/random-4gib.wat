;; Random bytes for all memory that can be named.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (data (i32.const 48) "{\22data\22:[],\22message\22:\22fell\22}")
  (func (export "postern_invoke") (param i32) (result i32)
    (call $respond
      (select (i32.const 16) (i32.const 48)
        (i32.and
          (i32.ne (call $random (i32.const 0) (i32.const -1)) (i32.const 0))
          (i32.ne (call $random (i32.const -16) (i32.const 32)) (i32.const 0))))
      (i32.const 28))
    (i32.const 0)))
