;; A compile bomb: br_tables with 60,000 targets each, 20 of them.
(module
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param i32) (result i32)
    (@repeat 20 (block (block (br_table 0 1 (@repeat 30000 1 0) (local.get 0)))))
    (i32.const 0)))
