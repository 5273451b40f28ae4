;; Bulk operations as the specification has them.
;; A host that puts code of its own in their place must keep their meaning: copies over
;; themselves in both directions and over more than 64 KiB, no bytes at the very end of
;; memory, values cut to a byte, segments that were dropped but of which nothing is asked.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 4)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (data (i32.const 48) "{\22data\22:[],\22message\22:\22fell\22}")
  (data $d "abcdefgh")
  (func $number (param $at i32) (param $size i32) ;; every word its own address
    (local $end i32)
    (local.set $end (i32.add (local.get $at) (local.get $size)))
    (loop $next
      (i32.store (local.get $at) (local.get $at))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (local.get $end)))))
  (func $moved (param $from i32) (param $to i32) (param $size i32) (result i32)
    (local $end i32) (local $wrong i32)
    (local.set $end (i32.add (local.get $from) (local.get $size)))
    (loop $next
      (local.set $wrong (i32.or (local.get $wrong) (i32.ne (i32.load (local.get $to)) (local.get $from))))
      (local.set $to (i32.add (local.get $to) (i32.const 4)))
      (br_if $next (i32.lt_u (local.tee $from (i32.add (local.get $from) (i32.const 4))) (local.get $end))))
    (i32.eqz (local.get $wrong)))
  (func (export "postern_invoke") (param i32) (result i32)
    (local $held i32)
    (call $number (i32.const 0x1000) (i32.const 0x20000))
    (memory.copy (i32.const 0x1404) (i32.const 0x1000) (i32.const 0x20000)) ;; upwards
    (local.set $held (call $moved (i32.const 0x1000) (i32.const 0x1404) (i32.const 0x20000)))
    (call $number (i32.const 0x1000) (i32.const 0x20000))
    (memory.copy (i32.const 0x0c00) (i32.const 0x1000) (i32.const 0x20000)) ;; downwards
    (local.set $held (i32.and (local.get $held) (call $moved (i32.const 0x1000) (i32.const 0x0c00) (i32.const 0x20000))))
    (memory.fill (i32.const 0x1001) (i32.const 0x1ff) (i32.const 0x20001))
    (local.set $held (i32.and (local.get $held)
      (i32.and (i32.eq (i32.load8_u (i32.const 0x1001)) (i32.const 0xff)) (i32.eq (i32.load8_u (i32.const 0x21001)) (i32.const 0xff)))))
    (local.set $held (i32.and (local.get $held) (i32.ne (i32.load8_u (i32.const 0x21002)) (i32.const 0xff))))
    (memory.init $d (i32.const 0x3fffc) (i32.const 4) (i32.const 4))
    (local.set $held (i32.and (local.get $held) (i32.eq (i32.load (i32.const 0x3fffc)) (i32.const 0x68676665))))
    (memory.fill (i32.const 0x40000) (i32.const 1) (i32.const 0))
    (memory.copy (i32.const 0x40000) (i32.const 0x40000) (i32.const 0))
    (memory.init $d (i32.const 0x40000) (i32.const 8) (i32.const 0))
    (data.drop $d)
    (memory.init $d (i32.const 0x40000) (i32.const 0) (i32.const 0))
    (call $respond (select (i32.const 16) (i32.const 48) (local.get $held)) (i32.const 28))
    (i32.const 0)))
