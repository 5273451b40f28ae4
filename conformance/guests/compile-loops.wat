;; A compile bomb: 4,000 loops within each other.
;; Analyses of loops take time with the square, or the cube, of their depth.
(module
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param i32) (result i32)
    (@repeat 4000 loop)
    (@repeat 4000 (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br_if 0 (local.get 0)) end)
    (i32.const 0)))
