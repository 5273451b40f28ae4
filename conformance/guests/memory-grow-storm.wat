;; memory.grow in a loop, by nothing and by too much.
;; Refusing it must cost the guest, too.
(module
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param i32) (result i32)
    (loop $again
      (drop (memory.grow (i32.const 0)))
      (drop (memory.grow (i32.const 65535)))
      (br $again))
    (unreachable)))
