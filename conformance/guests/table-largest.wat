;; A table that starts with as many entries as can be named.
(module
  (memory (export "memory") 1)
  (table 0xffffffff 0xffffffff externref)
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
