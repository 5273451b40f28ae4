;; A compile bomb: 100,000 vector instructions, all values alive until the end.
(module
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param i32) (result i32)
    (@repeat 30000 (v128.load (local.get 0)))
    (@repeat 29999 i8x16.swizzle)
    (i32x4.extract_lane 0)))
