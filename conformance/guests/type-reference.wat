;; A number where a reference is due.
(module
  (memory (export "memory") 1)
  (global $g i32 (i32.const 0))
  (func (export "postern_invoke") (param i32) (result i32)
    (drop (ref.is_null (i32.const 1))) (i32.const 0)))
