;; A compile bomb: 600 functions with 900 calls through a table each.
;; As compile-calls-indirect, with nothing in one function that is much.
(module
  (memory (export "memory") 1)
  (table 1 funcref)
  (@repeat 600 (func (@repeat 900 i32.const 0 call_indirect)))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
