;; A compile bomb: 4,000 loops, one after another, between uses of 800 variables.
;; A loop's head has a value of its own for every variable that may come round.
(module
  (memory (export "memory") 1)
  (func (param i32) (result i32)
    (local (@repeat 801 i32))
    (@repeat 800 (local.set (@index 1) (local.get 0)))
    (@repeat 4000 (loop (br_if 0 (local.get 0))))
    (@repeat 800 (local.set (@index 2) (local.get (@index 1))))
    (local.get 0))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
