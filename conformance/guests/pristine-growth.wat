;; What an earlier invocation left in memory that it had grown.
;; Every invocation must start with 1 page, and pages that it grows must be zero.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (data (i32.const 48) "{\22data\22:[],\22message\22:\22fell\22}")
  (func (export "postern_invoke") (param $length i32) (result i32)
    (local $at i32) (local $seen i64) (local $pages i32)
    (local.set $pages (memory.size))
    (drop (memory.grow (i32.const 8)))
    (local.set $at (i32.const 0x10000))
    (loop $again
      (local.set $seen (i64.or (local.get $seen) (i64.load (local.get $at))))
      (i64.store (local.get $at) (i64.const 0x7365637265742121))
      (br_if $again (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 0x90000))))
    (if (i32.ne (local.get $length) (i32.const 2)) (then (unreachable)))
    (call $respond
      (select (i32.const 16) (i32.const 48) (i32.and (i64.eqz (local.get $seen)) (i32.eq (local.get $pages) (i32.const 1))))
      (i32.const 28))
    (i32.const 0)))
