;; Exponential calls without any loop, through a table.
;; The same as calls, but no function names another one: whoever looks only at the
;; graph of direct calls sees leaves.
(module
  (type $step (func))
  (memory (export "memory") 1)
  (table funcref (elem (@repeat 41 (@index 0))))
  (@repeat 40 (func (call_indirect (type $step) (i32.const (@index 1))) (call_indirect (type $step) (i32.const (@index 1)))))
  (func)
  (func (export "postern_invoke") (param i32) (result i32) (call 0) (unreachable)))
