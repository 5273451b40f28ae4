;; Long bulk writes without a loop.
;; 2,000 times memory.fill of 64 MiB: a few thousand instructions, minutes of work.
;; The host must charge by length and look at the clock within one fill.
(module
  (memory (export "memory") 1024)
  (func (export "postern_invoke") (param i32) (result i32)
    (@repeat 2000 (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x4000000)))
    (unreachable)))
