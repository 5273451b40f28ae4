;; A compile bomb: 200 functions with a br_table of 6,000 targets each, in 20 blocks.
;; Each target is an edge of its own to a compiler that carries variables along edges.
(module
  (memory (export "memory") 1)
  (@repeat 200 (func (param i32)
    (local i64 i64 i64 i64 i64 i64 i64 i64)
    (@repeat 20 block)
    (br_table 0 (@repeat 300 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19) (local.get 0))
    (@repeat 20 end (local.set 1 (i64.add (local.get 1) (local.get 2))))))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
