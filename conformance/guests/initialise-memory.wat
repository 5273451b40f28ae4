;; All memory before the first invocation.
;; A module that initialises itself with more than an invocation may have cannot run.
(module
  (memory (export "memory") 1)
  (func (export "_initialize") (drop (memory.grow (i32.const 255))))
  (func (export "postern_invoke") (param i32) (result i32) (unreachable)))
