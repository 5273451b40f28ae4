;; The one export is a function of the host.
;; fd_close has the type of postern_invoke. A host that calls it calls itself, without
;; a guest around it, and must not fall over that.
(module
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (memory (export "memory") 1)
  (export "postern_invoke" (func $close)))
