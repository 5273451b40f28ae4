;; A storm of exchanges that are as long as may be, and malformed at their end.
;; The length of the invocation chooses what 8 MiB of them are made of: letters, escapes,
;; numbers, lists in lists, objects in objects, bytes that are no text, spaces, or one
;; name again and again; from 8 on, 4 KiB of the same. Reading must be charged by length,
;; and what it takes must be bounded.
(module
  (import "postern" "request" (func $request (param i32 i32) (result i32)))
  (memory (export "memory") 130)
  (data (i32.const 0x0000) "          {\22op\22:\22log\22,\22level\22:\22info\22,\22message\22:\22aaaaaaaaaaaaaaaa")
  (data (i32.const 0x0040) "          {\22op\22:\22log\22,\22level\22:\22info\22,\22message\22:\22\5cu00e9\5cu00e9\5cn\5cn")
  (data (i32.const 0x0080) "                           {\22op\22:\22rows\22,\22rows\22:[1,1,1,1,1,1,1,1,")
  (data (i32.const 0x00c0) "                           {\22op\22:\22rows\22,\22rows\22:[[[[[[[[[[[[[[[[[")
  (data (i32.const 0x0100) "                               {\22op\22:\22rows\22,\22x\22:{\22a\22:{\22a\22:{\22a\22: ")
  (data (i32.const 0x0140) "          {\22op\22:\22log\22,\22level\22:\22info\22,\22message\22:\22\ff\fe\c0\80\ff\fe\c0\80\ff\fe\c0\80\ff\fe\c0\80")
  (data (i32.const 0x0180) "                                                                ")
  (data (i32.const 0x01c0) "                                               {\22a\22:1,\22a\22:1,    ")
  (func (export "postern_invoke") (param $length i32) (result i32)
    (local $size i32) (local $asked i32)
    (local.set $length (i32.sub (local.get $length) (i32.const 2)))
    (memory.copy (i32.const 0x1000) (i32.shl (i32.and (local.get $length) (i32.const 7)) (i32.const 6)) (i32.const 64))
    (local.set $size (i32.const 16))
    (loop $more
      (memory.copy (i32.add (i32.const 0x1030) (local.get $size)) (i32.const 0x1030) (local.get $size))
      (br_if $more (i32.lt_u (local.tee $size (i32.shl (local.get $size) (i32.const 1))) (i32.const 0x800000))))
    (local.set $asked (select (i32.const 0x800000) (i32.const 0x1000) (i32.lt_u (local.get $length) (i32.const 8))))
    (loop $again
      (drop (call $request (i32.const 0x1000) (local.get $asked)))
      (br $again))
    (unreachable)))
