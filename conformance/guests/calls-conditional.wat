;; Exponential calls in the arms of conditions.
;; Half of the calls stand in a then, half in an else, and a branch leaves the block
;; before the end of every function. The host must charge whichever arm runs.
(module
  (memory (export "memory") 1)
  (@repeat 50 (func (param i32)
    (block $out
      (if (local.get 0) (then (call (@index 1) (i32.const 0))) (else (call (@index 1) (i32.const 1))))
      (call (@index 1) (local.get 0))
      (br $out))))
  (func (param i32))
  (func (export "postern_invoke") (param i32) (result i32) (call 0 (i32.const 1)) (unreachable)))
