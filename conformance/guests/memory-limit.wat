;; Memory page by page, up to the limit.
;; The guest has 1 page and a limit of 16 (1 MiB): 15 more must be had, each full of
;; zeros, and then none: memory.grow returns -1 and memory.size stays.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (data (i32.const 48) "{\22data\22:[],\22message\22:\22fell\22}")
  (func (export "postern_invoke") (param i32) (result i32)
    (local $held i32)
    (local.set $held (i32.const 1))
    (loop $again
      (if (i32.ne (memory.grow (i32.const 1)) (i32.const -1))
        (then
          (if (i64.ne (i64.load (i32.sub (i32.shl (memory.size) (i32.const 16)) (i32.const 8))) (i64.const 0))
            (then (local.set $held (i32.const 0))))
          (br $again))))
    (if (i32.ne (memory.size) (i32.const 16)) (then (local.set $held (i32.const 0))))
    (if (i32.ne (memory.grow (i32.const 1)) (i32.const -1)) (then (local.set $held (i32.const 0))))
    (if (i32.ne (memory.grow (i32.const 0)) (i32.const 16)) (then (local.set $held (i32.const 0))))
    (call $respond (select (i32.const 16) (i32.const 48) (local.get $held)) (i32.const 28))
    (i32.const 0)))
