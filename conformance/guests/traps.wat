;; Every way to trap.
;; The length of the invocation chooses: unreachable, division by zero, the one division
;; that overflows, numbers that no integer holds, loads and stores outside memory (whose
;; offset wraps around, or reaches where the host's memory might be), an indirect call of
;; nothing, of another type, outside the table. Each ends the invocation and no other.
(module
  (memory (export "memory") 1)
  (table $t 3 funcref)
  (elem (i32.const 1) func $other)
  (func $other (param f64))
  (func (export "postern_invoke") (param $length i32) (result i32)
    (block $m (block $l (block $k (block $j (block $i (block $h (block $g (block $f (block $e (block $d (block $c (block $b (block $a
      (br_table $a $b $c $d $e $f $g $h $i $j $k $l $m (i32.sub (local.get $length) (i32.const 2))))
      (unreachable))
      (return (i32.div_u (i32.const 1) (i32.const 0))))
      (return (i32.div_s (i32.const 0x80000000) (i32.const -1))))
      (return (i32.wrap_i64 (i64.rem_s (i64.const 1) (i64.const 0)))))
      (return (i32.trunc_f64_s (f64.const nan))))
      (return (i32.wrap_i64 (i64.trunc_f32_u (f32.const inf)))))
      (return (i32.load offset=0xffffffff (i32.const -1))))
      (return (i32.load (i32.const 0xfffd))))
      (v128.store offset=0x80000000 (i32.const 0x80000000) (v128.const i64x2 0 0)) (return (i32.const 1)))
      (i64.store8 offset=1 (i32.const 0xffff) (i64.const 0)) (return (i32.const 1)))
      (call_indirect (i32.const 0)) (return (i32.const 1)))
      (call_indirect (i32.const 1)) (return (i32.const 1)))
    (call_indirect (i32.const 0x80000000))
    (i32.const 1)))
