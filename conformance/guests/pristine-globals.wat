;; Secrets in globals, of every type of number and vector.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (data (i32.const 48) "{\22data\22:[],\22message\22:\22fell\22}")
  (global $i (mut i32) (i32.const -5))
  (global $l (mut i64) (i64.const 0x123456789abcdef0))
  (global $f (mut f32) (f32.const nan:0x200001))
  (global $d (mut f64) (f64.const -0x0p+0))
  (global $v (mut v128) (v128.const i64x2 1 2))
  (func (export "postern_invoke") (param $length i32) (result i32)
    (local $held i32)
    (local.set $held
      (i32.and
        (i32.and
          (i32.and (i32.eq (global.get $i) (i32.const -5)) (i64.eq (global.get $l) (i64.const 0x123456789abcdef0)))
          (i32.and
            (i32.eq (i32.reinterpret_f32 (global.get $f)) (i32.const 0x7fa00001))
            (i64.eq (i64.reinterpret_f64 (global.get $d)) (i64.const 0x8000000000000000))))
        (i64x2.all_true (i64x2.eq (global.get $v) (v128.const i64x2 1 2)))))
    (global.set $i (i32.const 9))
    (global.set $l (i64.const 9))
    (global.set $f (f32.const 9))
    (global.set $d (f64.const 9))
    (global.set $v (v128.const i8x16 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9))
    (if (i32.ne (local.get $length) (i32.const 2)) (then (unreachable)))
    (call $respond (select (i32.const 16) (i32.const 48) (local.get $held)) (i32.const 28))
    (i32.const 0)))
