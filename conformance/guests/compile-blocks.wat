;; A compile bomb: 30,000 branches over 200 variables.
;; Where branches meet, a compiler asks for every variable which of two values it has.
(module
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param i32) (result i32)
    (local (@repeat 200 i32))
    (@repeat 150 (@repeat 200
      (if (local.get (@index 1)) (then (local.set (@index 1) (i32.load (local.get 0)))))))
    (i32.const 0)))
