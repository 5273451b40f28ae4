;; A start function that does nothing.
;; postern/1 has _initialize for that; whatever can run before is refused.
(module
  (memory (export "memory") 1)
  (start $nothing)
  (func $nothing)
  (func (export "postern_invoke") (param i32) (result i32) (unreachable)))
