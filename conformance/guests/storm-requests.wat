;; A storm of exchanges.
;; Each asks for another key, for ever. A host that keeps something for each key that
;; it is asked for grows without end. A quota or fuel must end it, in bounded memory.
(module
  (import "postern" "request" (func $request (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "{\22op\22:\22log\22,\22level\22:\22info\22,\22message\22:\22aaaaaaaa\22}")
  (func (export "postern_invoke") (param i32) (result i32)
    (local $n i64) (local $x i64) (local $at i32)
    (loop $again
      (local.set $x (local.tee $n (i64.add (local.get $n) (i64.const 1))))
      (local.set $at (i32.const 38))
      (loop $digits ;; the number, in letters
        (i32.store8 (local.get $at) (i32.add (i32.const 97) (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 15))))
        (local.set $x (i64.shr_u (local.get $x) (i64.const 4)))
        (br_if $digits (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 46))))
      (drop (call $request (i32.const 0) (i32.const 48)))
      (br $again))
    (unreachable)))
