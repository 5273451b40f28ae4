;; A data segment that lies outside memory, behind one that does not.
;; The module traps as it is instantiated; the invocation has failed, not the host.
(module
  (memory (export "memory") 1)
  (data (i32.const 0) "x")
  (data (i32.const 0xffff) "xx")
  (func (export "postern_invoke") (param i32) (result i32) (unreachable)))
