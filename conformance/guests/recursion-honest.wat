;; Recursion that an honest program needs.
;; A parser of nested documents calls itself 1,000 deep. A bound on depth must leave
;; room for that, and every return must give its depth back: it does so 1,000 times.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (data (i32.const 48) "{\22data\22:[],\22message\22:\22fell\22}")
  (func $down (param $n i32) (result i32)
    (if (i32.eqz (local.get $n)) (then (return (i32.const 0))))
    (i32.add (i32.const 1) (call $down (i32.sub (local.get $n) (i32.const 1)))))
  (func (export "postern_invoke") (param i32) (result i32)
    (local $turn i32) (local $sum i32)
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (call $down (i32.const 1000))))
      (br_if $again (i32.lt_u (local.tee $turn (i32.add (local.get $turn) (i32.const 1))) (i32.const 1000))))
    (call $respond (select (i32.const 16) (i32.const 48) (i32.eq (local.get $sum) (i32.const 1000000))) (i32.const 28))
    (i32.const 0)))
