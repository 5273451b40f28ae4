;; A function of the ABI in another spelling.
;; Names are bytes; nothing is folded, trimmed or guessed.
(module
  (import "Postern" "receive" (func (param i32)))
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
