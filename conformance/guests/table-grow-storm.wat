;; A table that grows by a little, for ever.
;; It must come to an end by the table's limit or by fuel, in bounded memory.
(module
  (memory (export "memory") 1)
  (table $t 1 funcref)
  (func (export "postern_invoke") (param i32) (result i32)
    (loop $again
      (drop (table.grow $t (ref.null func) (i32.const 1000)))
      (br $again))
    (unreachable)))
