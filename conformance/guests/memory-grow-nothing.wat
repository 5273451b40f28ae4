;; memory.grow in a loop: by nothing, by everything, or by a page beyond the limit.
;; The length of the invocation chooses. None gets memory, and each must cost the guest
;; what asking costs the host.
(module
  (memory (export "memory") 16)
  (func (export "postern_invoke") (param $length i32) (result i32)
    (local $pages i32)
    (local.set $pages (select (i32.const 0) (i32.const -1) (i32.eq (local.get $length) (i32.const 2))))
    (if (i32.eq (local.get $length) (i32.const 4)) (then (local.set $pages (i32.const 1))))
    (loop $again (drop (memory.grow (local.get $pages))) (br $again))
    (unreachable)))
