;; The clock as an instrument.
;; A fine clock measures the host's caches and other guests. Every reading must be a
;; whole number of milliseconds, whatever precision is asked for.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (data (i32.const 48) "{\22data\22:[],\22message\22:\22fell\22}")
  (func (export "postern_invoke") (param i32) (result i32)
    (local $n i32) (local $rest i64)
    (loop $again
      (drop (call $clock (i32.and (local.get $n) (i32.const 1)) (i64.const 1) (i32.const 96)))
      (local.set $rest (i64.or (local.get $rest) (i64.rem_u (i64.load (i32.const 96)) (i64.const 1000000))))
      (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 500))))
    (call $respond (select (i32.const 16) (i32.const 48) (i64.eqz (local.get $rest))) (i32.const 28))
    (i32.const 0)))
