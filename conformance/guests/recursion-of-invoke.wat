;; The guest calls its own export.
;; An invocation within an invocation is a call like any other: bounded in depth, and
;; it cannot give a second result.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22fell\22}")
  (func $invoke (export "postern_invoke") (param i32) (result i32)
    (if (local.get 0) (then (drop (call $invoke (i32.const 0)))))
    (call $respond (i32.const 16) (i32.const 28))
    (i32.const 0)))
