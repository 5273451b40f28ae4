;; 50,000 exports.
;; Each has a name that the host keeps for every instance.
(module
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param i32) (result i32) (i32.const 0))
  (func $f)
  (@repeat 50000 (export (@index "x") (func $f))))
