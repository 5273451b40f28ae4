;; Endless recursion through a table, between two functions.
(module
  (type $f (func (param i32) (result i32)))
  (memory (export "memory") 1)
  (table funcref (elem $a $b))
  (func $a (param i32) (result i32) (i32.add (i32.const 1) (call_indirect (type $f) (local.get 0) (i32.const 1))))
  (func $b (param i32) (result i32) (i32.add (i32.const 1) (call_indirect (type $f) (local.get 0) (i32.const 0))))
  (func (export "postern_invoke") (param i32) (result i32) (call $a (local.get 0))))
