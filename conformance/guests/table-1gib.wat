;; A table that starts with 1 GiB of entries, in 62 bytes of code.
;; The number is in the module and must be refused before anything is allocated.
(module
  (memory (export "memory") 1)
  (table 0x8000000 funcref)
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
