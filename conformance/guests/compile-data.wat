;; 300,000 data segments that are never written.
(module
  (memory (export "memory") 1)
  (@repeat 300000 (data "x"))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
