;; Lines that look like the host's own.
;; Carriage returns, escape sequences that colour, erase or move, a bell, marks that
;; turn the direction of text, NUL, bytes that are not UTF-8: none may reach a terminal
;; or a log as it is.
(module
  (import "postern" "respond" (func $respond (param i32 i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{\22data\22:[],\22message\22:\22held\22}")
  (data (i32.const 64) "\48\00\00\00\80\00\00\00")
  (data (i32.const 0x48) "guest\0d2026-01-01 level=INFO msg=approved\1b[2K\1b[1A\1b]0;title\07\n\00nul\c2\9b31m\e2\80\aeevil\e2\81\a6\ff\fe\80\n\u{2028}\u{feff}\n\7f\08\08\0b\0c\u{e000}")
  (func (export "postern_invoke") (param i32) (result i32)
    (drop (call $write (i32.const 2) (i32.const 64) (i32.const 1) (i32.const 8)))
    (call $respond (i32.const 16) (i32.const 28))
    (i32.const 0)))
