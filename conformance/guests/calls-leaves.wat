;; Many calls of functions that do nothing.
;; A leaf that costs nothing must not be free: 10^10 calls of an empty function by
;; ten levels of ten calls each.
(module
  (memory (export "memory") 1)
  (@repeat 10 (func
    (call (@index 1)) (call (@index 1)) (call (@index 1)) (call (@index 1)) (call (@index 1))
    (call (@index 1)) (call (@index 1)) (call (@index 1)) (call (@index 1)) (call (@index 1))))
  (func)
  (func (export "postern_invoke") (param i32) (result i32) (call 0) (unreachable)))
