;; State that initialisation leaves, of every kind at once.
;; Each invocation must find the module as initialisation left it: once, not never and
;; not twice, with memory grown, table and globals set and a segment dropped.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (data (i32.const 48) "{\22data\22:[],\22message\22:\22fell\22}")
  (data $dropped "1")
  (table $t 2 funcref)
  (elem declare func $f)
  (global $count (mut i32) (i32.const 0))
  (global $vector (mut v128) (v128.const i32x4 0 0 0 0))
  (func $f)
  (func (export "_initialize")
    (drop (memory.grow (i32.const 1)))
    (i32.store (i32.const 0x1fff0) (i32.add (i32.load (i32.const 0x1fff0)) (i32.const 1)))
    (table.set $t (i32.const 1) (ref.func $f))
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (global.set $vector (i32x4.add (global.get $vector) (v128.const i32x4 1 1 1 1)))
    (data.drop $dropped))
  (func (export "postern_invoke") (param i32) (result i32)
    (local $held i32)
    (local.set $held
      (i32.and
        (i32.and
          (i32.and (i32.eq (memory.size) (i32.const 2)) (i32.eq (i32.load (i32.const 0x1fff0)) (i32.const 1)))
          (i32.and (ref.is_null (table.get $t (i32.const 0))) (i32.eqz (ref.is_null (table.get $t (i32.const 1))))))
        (i32.and
          (i32.eq (global.get $count) (i32.const 1))
          (i32.eq (i32x4.extract_lane 3 (global.get $vector)) (i32.const 1)))))
    (memory.init $dropped (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.store (i32.const 0x1fff0) (i32.const 5))
    (global.set $count (i32.const 5))
    (table.set $t (i32.const 0) (ref.func $f))
    (call $respond (select (i32.const 16) (i32.const 48) (local.get $held)) (i32.const 28))
    (i32.const 0)))
