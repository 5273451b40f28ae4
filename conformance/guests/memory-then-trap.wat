;; Memory beyond the limit, then a trap.
;; This is what a program does that runs out of memory. The host must say so, and not
;; that the plugin failed for no reason: when 4 MiB are asked for, and when it is more
;; than the host gives to anybody.
(module
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param $length i32) (result i32)
    (drop (memory.grow (select (i32.const 64) (i32.const 8192) (i32.eq (local.get $length) (i32.const 2)))))
    (unreachable)))
