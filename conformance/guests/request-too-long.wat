;; An exchange that is longer than the ABI allows, but all there.
(module
  (import "postern" "request" (func $request (param i32 i32) (result i32)))
  (memory (export "memory") 512)
  (func (export "postern_invoke") (param i32) (result i32)
    (call $request (i32.const 0) (i32.const 0x1100000))))
