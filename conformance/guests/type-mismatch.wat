;; A number of another type.
;; Taken for an address, it would be one of 64 bits.
(module
  (memory (export "memory") 1)
  (global $g i32 (i32.const 0))
  (func (export "postern_invoke") (param i32) (result i32)
    i64.const 0x100000000 i32.load))
