;; A table that grows to gigabytes.
;; table.grow by 2^27 entries and by 2^32-1 must return -1 at once.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (data (i32.const 48) "{\22data\22:[],\22message\22:\22fell\22}")
  (table $t 1 externref)
  (func (export "postern_invoke") (param i32) (result i32)
    (call $respond
      (select (i32.const 16) (i32.const 48)
        (i32.and
          (i32.and
            (i32.eq (table.grow $t (ref.null extern) (i32.const 0x8000000)) (i32.const -1))
            (i32.eq (table.grow $t (ref.null extern) (i32.const -1)) (i32.const -1)))
          (i32.eq (table.size $t) (i32.const 1))))
      (i32.const 28))
    (i32.const 0)))
