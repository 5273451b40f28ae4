;; Deep calls with 2,000 values in each frame, and then an honest end.
;; The depth is the length of the invocation. An engine that makes the stack larger for it
;; may keep it so, with every instance that is kept: few invocations, and the host never
;; gets its memory back.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (func $down (param $n i32) (result i32)
    (if (i32.eqz (local.get $n)) (then (return (i32.const 0))))
    (@repeat 2000 (i32.load (local.get $n)))
    (call $down (i32.sub (local.get $n) (i32.const 1)))
    (@repeat 2000 i32.add))
  (func (export "postern_invoke") (param $length i32) (result i32)
    (drop (call $down (i32.sub (local.get $length) (i32.const 2))))
    (call $respond (i32.const 16) (i32.const 28))
    (i32.const 0)))
