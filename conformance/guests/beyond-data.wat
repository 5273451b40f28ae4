;; A data segment one beyond the last.
;; What a host appends to a module gets the next index, and so a name to a module
;; that was not checked before.
(module
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param i32) (result i32) (data.drop 0) (i32.const 0)))
