;; One bit in whether a data segment was dropped.
;; data.drop leaves no trace in memory. Invocations with a "fault" use the segment, as
;; the very first and every other one must be able to; then they drop it.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (data $bit "1")
  (func (export "postern_invoke") (param i32) (result i32)
    (memory.init $bit (i32.const 100) (i32.const 0) (i32.const 1)) ;; traps if it was dropped
    (data.drop $bit)
    (call $respond (i32.const 16) (i32.const 28))
    (i32.const 0)))
