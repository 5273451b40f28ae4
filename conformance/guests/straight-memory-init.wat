;; Long bulk writes from a data segment.
;; 4,000 times memory.init of 1 MiB.
(module
  (memory (export "memory") 16)
  (data $kept (@repeat 65536 "0123456789abcdef"))
  (func (export "postern_invoke") (param i32) (result i32)
    (loop $again
      (@repeat 4000 (memory.init $kept (i32.const 0) (i32.const 0) (i32.const 0x100000)))
      (br $again))
    (unreachable)))
