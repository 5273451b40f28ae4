;; A trap before the first invocation.
;; It ends that invocation, and the next one must not find a half-made instance.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 48) "{\22data\22:[],\22message\22:\22fell\22}")
  (func (export "_initialize") (unreachable))
  (func (export "postern_invoke") (param i32) (result i32)
    (call $respond (i32.const 48) (i32.const 28))
    (i32.const 0)))
