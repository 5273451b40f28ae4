;; postern_invoke by another type.
;; A host that calls it without looking reads a result that is not there.
(module
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param i64 i64)))
