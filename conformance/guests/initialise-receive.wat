;; Receiving before there is an invocation.
;; A module that is initialised for the first caller must not read what that one sent.
(module
  (import "postern" "receive" (func $receive (param i32)))
  (memory (export "memory") 1)
  (func (export "_initialize") (call $receive (i32.const 0)))
  (func (export "postern_invoke") (param i32) (result i32) (unreachable)))
