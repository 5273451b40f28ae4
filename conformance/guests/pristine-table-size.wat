;; A secret in the size of a table.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (data (i32.const 48) "{\22data\22:[],\22message\22:\22fell\22}")
  (table $t 1 externref)
  (func (export "postern_invoke") (param i32) (result i32)
    (local $held i32)
    (local.set $held (i32.eq (table.size $t) (i32.const 1)))
    (drop (table.grow $t (ref.null extern) (i32.const 5)))
    (call $respond (select (i32.const 16) (i32.const 48) (local.get $held)) (i32.const 28))
    (i32.const 0)))
