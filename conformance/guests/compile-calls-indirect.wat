;; A compile bomb: 50,000 calls through a table, in one body.
;; Each checks the index, the entry and its type, which is a branch and a trap for each.
(module
  (memory (export "memory") 1)
  (table 1 funcref)
  (func (@repeat 50000 i32.const 0 call_indirect))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
