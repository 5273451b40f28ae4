;; A compile bomb: 60 functions, each just small enough.
;; A bound on one body leaves many bodies. 5,000 branches over 200 variables take a
;; compiler a moment; 60 times that is an install that does not end.
(module
  (memory (export "memory") 1)
  (@repeat 60 (func (param i32)
    (local (@repeat 200 i32))
    (@repeat 25 (@repeat 200
      (if (local.get (@index 1)) (then (local.set (@index 1) (i32.load (local.get 0)))))))))
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
