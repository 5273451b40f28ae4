;; An element segment that lies outside its table.
(module
  (memory (export "memory") 1)
  (table 1 funcref)
  (elem (i32.const 1) 0)
  (func (export "postern_invoke") (param i32) (result i32) (unreachable)))
