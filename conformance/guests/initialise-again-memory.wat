;; Initialisation that cannot be kept, and grows memory beyond what an invocation may have.
;; As initialise-again-fuel. A host that initialises under limits of its own gives the guest
;; 4 MiB that the invocation's limits do not.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (table $t 1 funcref)
  (elem declare func $f)
  (func $f)
  (func (export "_initialize")
    (table.set $t (i32.const 0) (ref.func $f))
    (if (i32.eq (memory.grow (i32.const 63)) (i32.const -1)) (then (unreachable))))
  (func (export "postern_invoke") (param i32) (result i32)
    (memory.fill (i32.const 0x10000) (i32.const 1) (i32.const 0x3f0000))
    (call $respond (i32.const 16) (i32.const 28))
    (i32.const 0)))
