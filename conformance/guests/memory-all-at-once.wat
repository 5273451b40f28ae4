;; All memory that can be named, at once.
;; memory.grow by 65,535 pages, by 2^31 and by 2^32-1 must each return -1, and not
;; wrap around to a small number.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (data (i32.const 48) "{\22data\22:[],\22message\22:\22fell\22}")
  (func (export "postern_invoke") (param i32) (result i32)
    (call $respond
      (select (i32.const 16) (i32.const 48)
        (i32.and
          (i32.and
            (i32.eq (memory.grow (i32.const 65535)) (i32.const -1))
            (i32.eq (memory.grow (i32.const 0x80000000)) (i32.const -1)))
          (i32.and
            (i32.eq (memory.grow (i32.const -1)) (i32.const -1))
            (i32.eq (memory.size) (i32.const 1)))))
      (i32.const 28))
    (i32.const 0)))
