;; An exchange before there is an invocation.
;; There is nobody yet on whose behalf it could be judged.
(module
  (import "postern" "request" (func $request (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "{\22op\22:\22log\22,\22level\22:\22info\22,\22message\22:\22x\22}")
  (func (export "_initialize") (drop (call $request (i32.const 0) (i32.const 41))))
  (func (export "postern_invoke") (param i32) (result i32) (unreachable)))
