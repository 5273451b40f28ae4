;; Addresses and lengths outside the guest's memory, for each function of the ABI.
;; The length of the invocation chooses one. Sums that wrap around at 2^32 must not
;; look like small ones. Each ends the invocation; none touches the host's memory.
(module
  (import "postern" "receive" (func $receive (param i32)))
  (import "postern" "request" (func $request (param i32 i32) (result i32)))
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param $length i32) (result i32)
    (block $l (block $k (block $j (block $i (block $h (block $g (block $f (block $e (block $d (block $c (block $b (block $a
      (br_table $a $b $c $d $e $f $g $h $i $j $k $l (i32.sub (local.get $length) (i32.const 2))))
      (call $receive (i32.const -1)) (unreachable))
      (call $receive (i32.const 0xffff)) (unreachable))
      (call $receive (i32.const 0x10000)) (unreachable))
      (drop (call $request (i32.const 0xfff0) (i32.const 0x11))) (unreachable))
      (drop (call $request (i32.const -16) (i32.const 0x20))) (unreachable))
      (drop (call $request (i32.const 0x80000000) (i32.const 0x80000000))) (unreachable))
      (drop (call $request (i32.const 0) (i32.const -1))) (unreachable))
      (drop (call $request (i32.const 0x10001) (i32.const 0))) (unreachable))
      (call $respond (i32.const 0xfff0) (i32.const 0x11)) (return (i32.const 0)))
      (call $respond (i32.const -16) (i32.const 0x20)) (return (i32.const 0)))
      (call $respond (i32.const 0) (i32.const -1)) (return (i32.const 0)))
    (call $respond (i32.const 1) (i32.const 0xffff0000))
    (i32.const 0)))
