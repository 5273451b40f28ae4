;; 300,000 globals.
;; Each lives as long as the instance does; hosts that save and restore them do so for each.
(module
  (memory (export "memory") 1)
  (@repeat 300000 (global (mut i64) (i64.const 1)))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
