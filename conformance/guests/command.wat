;; A command instead of a reactor: it exports _start.
;; Running it would be running a program to its end before any invocation.
(module
  (memory (export "memory") 1)
  (func (export "_start"))
  (func (export "postern_invoke") (param i32) (result i32) (unreachable)))
