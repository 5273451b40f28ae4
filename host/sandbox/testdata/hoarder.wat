;; Keeps what comes with the invocation in a place that its first letter names, or
;; shows with "?" all that there is to see.
(module
  (import "postern" "receive" (func $receive (param i32)))
  (import "postern" "respond" (func $respond (param i32 i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 4)
  (global $i (mut i32) (i32.const 1))
  (global $l (mut i64) (i64.const 2))
  (global $f (mut f32) (f32.const 3))
  (global $d (mut f64) (f64.const 4))
  (global $v (mut v128) (v128.const i64x2 5 6))
  (global $r (mut funcref) (ref.null func))
  (table $t 4 64 funcref)
  (elem (table $t) (i32.const 0) func $hide)
  (elem $spare funcref (ref.func $hide))
  (data $spare "spare")
  (data (i32.const 1000) "what the module is made with")

  ;; All numbers are set before the image is made, so that it is what is restored.
  (func (export "_initialize")
    (global.set $i (i32.const 11))
    (global.set $l (i64.const 12))
    (global.set $f (f32.const 13))
    (global.set $d (f64.const 14))
    (i32.store (i32.const 200000) (i32.const 15)))

  ;; The secret is 26 bytes behind the letter, at 65.
  (func $hide
    (memory.copy (i32.const 8192) (i32.const 65) (i32.const 26))
    (memory.copy (i32.const 262100) (i32.const 65) (i32.const 26)))

  (func $endlessly (result i32) (i32.add (call $endlessly) (i32.const 1)))

  (func $fill (local $at i32)
    (local.set $at (i32.const 4096))
    (loop $next
      (memory.copy (local.get $at) (i32.const 65) (i32.const 26))
      (local.set $at (i32.add (local.get $at) (i32.const 26)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 262000)))))

  ;; What is not memory is put where it can be seen: globals and the table's size and
  ;; entries below 64, and what the passive segments still hold.
  (func $show
    (memory.fill (i32.const 64) (i32.const 0) (i32.const 64))
    (i32.store (i32.const 0) (global.get $i))
    (i64.store (i32.const 4) (global.get $l))
    (f32.store (i32.const 12) (global.get $f))
    (f64.store (i32.const 16) (global.get $d))
    (v128.store (i32.const 24) (global.get $v))
    (i32.store8 (i32.const 40) (ref.is_null (global.get $r)))
    (i32.store8 (i32.const 41) (table.size $t))
    (i32.store8 (i32.const 42) (ref.is_null (table.get $t (i32.const 0))))
    (i32.store8 (i32.const 43) (ref.is_null (table.get $t (i32.const 1))))
    (i32.store8 (i32.const 44) (memory.size))
    (memory.init $spare (i32.const 48) (i32.const 0) (i32.const 5))
    (table.init $t $spare (i32.const 2) (i32.const 0) (i32.const 1))
    (i32.store8 (i32.const 45) (ref.is_null (table.get $t (i32.const 2))))
    (call $respond (i32.const 0) (i32.mul (memory.size) (i32.const 65536))))

  (func (export "postern_invoke") (param $size i32) (result i32)
    (local $letter i32)
    (call $receive (i32.const 64))
    (local.set $letter (i32.load8_u (i32.const 64)))
    (if (i32.eq (local.get $letter) (i32.const 63)) (then (call $show) (return (i32.const 0))))
    (block $q (block $p (block $o (block $n (block $m (block $l (block $k (block $j (block $i
    (block $h (block $g (block $f (block $e (block $d (block $c (block $b (block $a
      (br_table $a $b $c $d $e $f $g $h $i $j $k $l $m $n $o $p $q (i32.sub (local.get $letter) (i32.const 97))))
      (; a ;) (call $hide) (call $respond (i32.const 0) (i32.const 1)) (return (i32.const 0)))
      (; b ;) (call $fill) (call $respond (i32.const 0) (i32.const 1)) (return (i32.const 0)))
      (; c ;) (drop (memory.grow (i32.const 2))) (memory.copy (i32.const 300000) (i32.const 65) (i32.const 26)) (call $hide)
              (call $respond (i32.const 0) (i32.const 1)) (return (i32.const 0)))
      (; d ;) (call $hide) (unreachable))
      (; e ;) (global.set $i (i32.load (i32.const 65))) (global.set $l (i64.load (i32.const 65)))
              (global.set $f (f32.load (i32.const 65))) (global.set $d (f64.load (i32.const 65)))
              (call $respond (i32.const 0) (i32.const 1)) (return (i32.const 0)))
      (; f ;) (global.set $v (v128.load (i32.const 65))) (global.set $r (ref.func $hide))
              (call $respond (i32.const 0) (i32.const 1)) (return (i32.const 0)))
      (; g ;) (table.set $t (i32.const 1) (ref.func $hide)) (table.fill $t (i32.const 2) (ref.func $hide) (i32.const 2))
              (call $respond (i32.const 0) (i32.const 1)) (return (i32.const 0)))
      (; h ;) (drop (table.grow $t (ref.func $hide) (i32.const 3))) (call $respond (i32.const 0) (i32.const 1)) (return (i32.const 0)))
      (; i ;) (data.drop $spare) (call $respond (i32.const 0) (i32.const 1)) (return (i32.const 0)))
      (; j ;) (elem.drop $spare) (call $respond (i32.const 0) (i32.const 1)) (return (i32.const 0)))
      (; k ;) (call $hide) (loop $for_ever (br $for_ever)) (unreachable))
      (; l ;) (call $hide) (return (i32.const 0)))
      (; m ;) (call $hide) (call $respond (i32.const 0) (i32.const 1)) (return (i32.const 1)))
      (; n ;) (call $hide) (drop (memory.grow (i32.const 1000))) (unreachable))
      (; o ;) (call $hide) (return (call $endlessly)))
      (; p ;) (call $hide) (call $respond (i32.const 262000) (i32.const 100000)) (unreachable))
    (; q ;) (call $hide) (call $exit (i32.const 1)) (unreachable)))
