;; The memory of another plugin system, whose offsets the host would have to trust.
(module
  (import "extism:host/env" "load_u8" (func (param i64) (result i32)))
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
