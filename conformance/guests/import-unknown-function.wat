;; A function that postern/1 does not have.
;; Old names, names of other versions and guesses are refused alike.
(module
  (import "postern" "token" (func (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
