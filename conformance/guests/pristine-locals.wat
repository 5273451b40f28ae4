;; What earlier calls left on the native stack.
;; One function fills 100 locals; another one, of the same shape, reads its own before
;; it writes them. They must be zero.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (data (i32.const 48) "{\22data\22:[],\22message\22:\22fell\22}")
  (func $fill (result i64)
    (local (@repeat 100 i64))
    (@repeat 100 (local.set (@index 0) (i64.load (i32.const (@index 16)))))
    (i64.const 0) (@repeat 100 (local.get (@index 0)) i64.add))
  (func $read (result i64)
    (local (@repeat 100 i64))
    (i64.const 0) (@repeat 100 (local.get (@index 0)) i64.or))
  (func (export "postern_invoke") (param i32) (result i32)
    (drop (call $fill))
    (call $respond (select (i32.const 16) (i32.const 48) (i64.eqz (call $read))) (i32.const 28))
    (i32.const 0)))
