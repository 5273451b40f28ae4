;; The slowest instructions, and nothing else.
;; Divisions and square roots take ten times as long as additions. The deadline must
;; hold for them too, however fuel is counted.
(module
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param $length i32) (result i32)
    (local $i i64) (local $f f64)
    (local.set $f (f64.const 0x1.8p+1000))
    (loop $again
      (@repeat 2000
        (local.set $i (i64.rem_u (i64.const -3) (i64.or (local.get $i) (i64.const 0x100000001))))
        (local.set $f (f64.div (f64.sqrt (local.get $f)) (f64.const 0x1.5p-500))))
      (br $again))
    (unreachable)))
