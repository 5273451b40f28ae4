;; 100,000 imports, all of a function that there is.
;; Each is checked and linked for every instance; their number must be bounded.
(module
  (@repeat 100000 (import "postern" "receive" (func (param i32))))
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0)))
