;; Deep calls with 1,920 vectors in each frame, and then an honest end.
;; As stack-kept-loads. The vectors are the results of 60 calls, two bytes each: a host
;; that measures frames by the size of code finds them small.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (func $vectors (result (@repeat 32 v128)) (@repeat 32 (v128.load (i32.const 0))))
  (func $down (param $n i32) (result i32)
    (if (i32.eqz (local.get $n)) (then (return (i32.const 0))))
    (@repeat 60 call $vectors)
    (local.set $n (call $down (i32.sub (local.get $n) (i32.const 1))))
    (@repeat 1919 v128.xor)
    (local.set $n (i32.or (v128.any_true) (local.get $n)))
    (local.get $n))
  (func (export "postern_invoke") (param $length i32) (result i32)
    (drop (call $down (i32.sub (local.get $length) (i32.const 2))))
    (call $respond (i32.const 16) (i32.const 28))
    (i32.const 0)))
