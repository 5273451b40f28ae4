;; Values that are left over at the end.
(module
  (memory (export "memory") 1)
  (global $g i32 (i32.const 0))
  (func (export "postern_invoke") (param i32) (result i32)
    i32.const 1 i32.const 2))
