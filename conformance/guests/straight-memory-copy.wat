;; Long bulk copies without a loop, both ways over themselves.
;; The host must charge by length and look at the clock within one copy.
(module
  (memory (export "memory") 1024)
  (func (export "postern_invoke") (param i32) (result i32)
    (@repeat 1000
      (memory.copy (i32.const 1) (i32.const 0) (i32.const 0x3ffffff))
      (memory.copy (i32.const 0) (i32.const 1) (i32.const 0x3ffffff)))
    (unreachable)))
