;; Exponential calls without any loop.
;; 40 functions that each call the next one twice run for hours, and compiled code
;; that never comes back to the host cannot be preempted: in Go the next garbage
;; collection then stops every goroutine of the process for good. The host must
;; charge calls as it charges loops.
(module
  (memory (export "memory") 1)
  (@repeat 40 (func (call (@index 1)) (call (@index 1))))
  (func)
  (func (export "postern_invoke") (param i32) (result i32) (call 0) (unreachable)))
