;; A function without a name, of a module without a name.
;; Some hosts name instances so, and would link one guest to another.
(module
  (import "" "" (func))
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
