;; Heavy code behind a br_table.
;; Interpreters, and what Go compiles to, are one loop around one br_table. The
;; branch goes past the small cases to the code that divides 200 times. A host that
;; charges a loop by its head alone, or by its shortest way, lets this run for free.
(module
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param $length i32) (result i32)
    (local $x i64)
    (loop $next
      (block $heavy (block $light
        (br_table $light $heavy (i32.const 1)))
        (br $next))
      (local.set $x (i64.or (local.get $x) (i64.const 1)))
      (@repeat 200 (local.set $x (i64.div_u (i64.const -1) (i64.or (local.get $x) (i64.const 1)))))
      (br $next))
    (unreachable)))
