;; 2,000 element segments of 1,000 functions each that are never written.
(module
  (memory (export "memory") 1)
  (table 1 funcref)
  (@repeat 2000 (elem func (@repeat 1000 0)))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
