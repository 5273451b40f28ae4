;; Exports that nobody asked for: a table, a global, the memory under a second name.
;; Refuse them, or let nothing pass through them from one invocation to the next.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") (export "mem") 1)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (data (i32.const 48) "{\22data\22:[],\22message\22:\22fell\22}")
  (table $t (export "table") 4 funcref)
  (global $g (export "global") (mut i32) (i32.const 0))
  (elem declare func $f)
  (func $f)
  (func (export "postern_invoke") (param i32) (result i32)
    (local $held i32)
    (local.set $held (i32.and (i32.eqz (global.get $g)) (ref.is_null (table.get $t (i32.const 2)))))
    (global.set $g (i32.const 1))
    (table.set $t (i32.const 2) (ref.func $f))
    (call $respond (select (i32.const 16) (i32.const 48) (local.get $held)) (i32.const 28))
    (i32.const 0)))
