;; An infinite loop before the first invocation.
;; What runs before an invocation must run under limits of its own, or of the
;; invocation for which it runs.
(module
  (memory (export "memory") 1)
  (func (export "_initialize") (loop $forever (br $forever)))
  (func (export "postern_invoke") (param i32) (result i32) (unreachable)))
