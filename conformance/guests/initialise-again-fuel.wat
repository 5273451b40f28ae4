;; Initialisation that cannot be kept, and burns what an invocation may not.
;; One elem.drop, and a host that does not know how to undo it makes each invocation an
;; instance of its own: whoever asks for it must pay for that, too. 5,000,000 turns are
;; about 35,000,000 units of fuel.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (table 1 funcref)
  (elem $dropped func $f)
  (func $f)
  (func (export "_initialize")
    (local $n i32)
    (elem.drop $dropped)
    (loop $again
      (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 5000000)))))
  (func (export "postern_invoke") (param i32) (result i32)
    (call $respond (i32.const 16) (i32.const 28))
    (i32.const 0)))
