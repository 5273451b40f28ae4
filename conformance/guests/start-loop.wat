;; An infinite loop in a start function.
;; It runs while the module is instantiated, in many hosts before limits apply.
(module
  (memory (export "memory") 1)
  (start $loop)
  (func $loop (loop $forever (br $forever)))
  (func (export "postern_invoke") (param i32) (result i32) (unreachable)))
