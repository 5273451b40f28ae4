;; Infinite loops in the spellings that a counter of loops may miss.
;; Each has next to nothing in its body, or comes back by another branch than br. The
;; host must charge every turn of every one of them.
(module
  (memory (export "memory") 1)
  (func (export "postern_invoke") (param $length i32) (result i32)
    (local $turns i64)
    (block $br_if (block $br_table (block $inner (block $both (block $params (block $early
      (br_table $br_if $br_table $inner $both $params $early (i32.sub (local.get $length) (i32.const 2))))
      ;; early: the branch stands before the code that would pay for the turn
      (loop $again
        (br_if $again (i64.eqz (local.get $turns)))
        (local.set $turns (i64.const 0))
        (br $again)))
      ;; params: a loop that takes and gives values
      (i32.const 0)
      (loop $again (param i32) (i32.const 1) (i32.add) (br $again))
      (unreachable))
      ;; both: two loops that branch to each other's head
      (loop $a (loop $b (br_if $a (i32.and (i32.wrap_i64 (local.get $turns)) (i32.const 1))) (local.set $turns (i64.add (local.get $turns) (i64.const 1))) (br $b)))
      (unreachable))
      ;; inner: the branch leaves blocks on its way back
      (loop $again (block (block (block (br $again)))))
      (unreachable))
      ;; br_table
      (loop $again (br_table $again $again $again (i32.const 1)))
      (unreachable))
    ;; br_if
    (loop $again (br_if $again (local.get $length)))
    (unreachable)))
