;; A memory that may grow to 4 GiB.
;; Many honest modules say so. The limit of the invocation holds all the same, and
;; nothing may be reserved for the maximum.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 1 65536)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (data (i32.const 48) "{\22data\22:[],\22message\22:\22fell\22}")
  (func (export "postern_invoke") (param i32) (result i32)
    (call $respond
      (select (i32.const 16) (i32.const 48) (i32.eq (memory.grow (i32.const 16)) (i32.const -1)))
      (i32.const 28))
    (i32.const 0)))
