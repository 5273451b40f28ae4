;; Long bulk operations on a table.
;; table.fill, table.copy and table.init of a table's full length, 6,000 times a turn.
(module
  (memory (export "memory") 1)
  (table $t 10000 funcref)
  (elem $e func (@repeat 10000 0))
  (func (export "postern_invoke") (param i32) (result i32)
    (loop $again
      (@repeat 2000
        (table.fill $t (i32.const 0) (ref.null func) (i32.const 10000))
        (table.copy $t $t (i32.const 1) (i32.const 0) (i32.const 9999))
        (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 10000)))
      (br $again))
    (unreachable)))
