;; A storm of host calls without a loop.
;; 100,000 calls one after another, in functions that call each other twice.
(module
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (memory (export "memory") 1)
  (@repeat 30 (func (call (@index 2)) (call (@index 2))))
  (func (@repeat 1000 call $yield drop))
  (func (export "postern_invoke") (param i32) (result i32) (call 1) (unreachable)))
