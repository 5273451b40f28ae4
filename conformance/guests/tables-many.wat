;; Many tables, each within any bound on one table.
;; 2,000 tables of 10,000 entries: bound their number, or their sum.
(module
  (memory (export "memory") 1)
  (@repeat 2000 (table 10000 funcref))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
