;; An infinite loop.
;; It calls nothing by which the host could stop it. The host must end it when its
;; fuel or its time is used up, and go on serving.
(module
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param i32) (result i32)
    (loop $forever (br $forever))
    (unreachable)))
