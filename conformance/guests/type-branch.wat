;; A branch without the value that its block gives.
(module
  (memory (export "memory") 1)
  (global $g i32 (i32.const 0))
  (func (export "postern_invoke") (param i32) (result i32)
    (block (result i32) (br 0))))
