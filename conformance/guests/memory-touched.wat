;; All memory that the guest may have, touched page by page.
;; It has 128 MiB at its start and writes one byte to each 4 KiB, so that the host's
;; system must find 32,768 pages. A second invocation must not see the first one's, and
;; making it so is the host's time.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (memory (export "memory") 2048)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (data (i32.const 48) "{\22data\22:[],\22message\22:\22fell\22}")
  (func (export "postern_invoke") (param $length i32) (result i32)
    (local $at i32) (local $seen i32)
    (loop $page
      (local.set $seen (i32.or (local.get $seen) (i32.load8_u offset=4095 (local.get $at))))
      (i32.store8 offset=4095 (local.get $at) (i32.const 1))
      (br_if $page (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4096))) (i32.const 0x8000000))))
    (call $respond (select (i32.const 48) (i32.const 16) (local.get $seen)) (i32.const 28))
    (i32.const 0)))
