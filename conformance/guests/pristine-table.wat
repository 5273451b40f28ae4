;; Secrets in a table: 64 entries, each one bit.
;; The entry of one function is cleared, the others are set: by table.set, table.fill,
;; table.copy and table.init in turn, as the lengths of the invocations say.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (data (i32.const 48) "{\22data\22:[],\22message\22:\22fell\22}")
  (table $t 64 funcref)
  (elem (table $t) (i32.const 3) func $secret)
  (elem $again func $secret $secret)
  (func $secret)
  (func (export "postern_invoke") (param $length i32) (result i32)
    (local $at i32) (local $count i32)
    (loop $next
      (local.set $count (i32.add (local.get $count) (i32.eqz (ref.is_null (table.get $t (local.get $at))))))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 64))))
    ;; two of the count stand for the entry that must be there
    (local.set $count (i32.add (local.get $count) (i32.eqz (ref.is_null (table.get $t (i32.const 3))))))
    (block $done (block $init (block $copy (block $fill (block $set
      (br_table $set $fill $copy $init (i32.sub (local.get $length) (i32.const 2))))
      (table.set $t (i32.const 3) (ref.null func))
      (table.set $t (i32.const 9) (ref.func $secret))
      (br $done))
      (table.fill $t (i32.const 10) (ref.func $secret) (i32.const 20))
      (br $done))
      (table.copy $t $t (i32.const 40) (i32.const 3) (i32.const 1))
      (br $done))
      (table.init $t $again (i32.const 60) (i32.const 0) (i32.const 2)))
    (call $respond (select (i32.const 16) (i32.const 48) (i32.eq (local.get $count) (i32.const 2))) (i32.const 28))
    (i32.const 0)))
