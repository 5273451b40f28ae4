;; A memory whose own maximum is below the host's limit.
;; The lower of the two holds.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 1 2)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (data (i32.const 48) "{\22data\22:[],\22message\22:\22fell\22}")
  (func (export "postern_invoke") (param i32) (result i32)
    (call $respond
      (select (i32.const 16) (i32.const 48)
        (i32.and
          (i32.eq (memory.grow (i32.const 1)) (i32.const 1))
          (i32.eq (memory.grow (i32.const 1)) (i32.const -1))))
      (i32.const 28))
    (i32.const 0)))
