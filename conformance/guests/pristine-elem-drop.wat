;; One bit in whether an element segment was dropped.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (table $t 1 funcref)
  (elem $bit func $f)
  (func $f)
  (func (export "postern_invoke") (param i32) (result i32)
    (table.init $t $bit (i32.const 0) (i32.const 0) (i32.const 1)) ;; traps if it was dropped
    (elem.drop $bit)
    (call $respond (i32.const 16) (i32.const 28))
    (i32.const 0)))
