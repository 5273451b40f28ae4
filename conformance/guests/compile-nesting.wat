;; A compile bomb: 100,000 blocks within each other.
;; A compiler that calls itself for each runs out of stack, and takes the host with it.
(module
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param i32) (result i32)
    (@repeat 100000 block)
    (@repeat 100000 end)
    (i32.const 0)))
