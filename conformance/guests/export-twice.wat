;; Two exports of one name.
;; Checks would see one, calls the other.
(module
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0))
  (func (export "postern_invoke") (param i32) (result i32) (unreachable)))
