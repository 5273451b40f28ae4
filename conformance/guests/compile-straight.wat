;; A compile bomb: one long body without a branch.
;; Compilers have parts whose time grows with the square of a body's length, and a compile
;; cannot be cancelled. 400,000 instructions on 1,000 variables.
(module
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param i32) (result i32)
    (local (@repeat 1000 i32))
    (@repeat 100 (@repeat 1000 (local.set (@index 1) (i32.add (local.get 0) (i32.load (local.get (@index 0)))))))
    (i32.const 0)))
