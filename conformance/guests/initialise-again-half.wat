;; Initialisation that cannot be kept, and an invocation, each of which burns half.
;; As initialise-again-fuel: alone, either has fuel enough, and together they have not.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (table $t 1 funcref)
  (elem declare func $burn)
  (func $burn
    (local $n i32)
    (loop $again
      (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 5000000)))))
  (func (export "_initialize")
    (table.set $t (i32.const 0) (ref.func $burn))
    (call $burn))
  (func (export "postern_invoke") (param i32) (result i32)
    (call $burn)
    (call $respond (i32.const 16) (i32.const 28))
    (i32.const 0)))
