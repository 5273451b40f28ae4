;; A storm of random bytes.
;; 16 MiB of them at once, for ever: what the host makes is charged by its length.
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") 256)
  (func (export "postern_invoke") (param i32) (result i32)
    (loop $again (drop (call $random (i32.const 0) (i32.const 0x1000000))) (br $again))
    (unreachable)))
