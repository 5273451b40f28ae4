;; An export by the name of the host's mark for changed tables.
;; A guest that could clear it would be reset where it must be thrown away.
(module
  (memory (export "memory") 1)
  (global (export "postern.touched") (mut i32) (i32.const 0))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
