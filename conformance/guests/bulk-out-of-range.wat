;; Bulk operations whose ends wrap around at 2^32, or lie one beyond.
;; The length of the invocation chooses. Each must trap, also where a host has put code
;; of its own in place of the instruction; none may write the host's memory.
(module
  (memory (export "memory") 1)
  (data $d "12345678")
  (table $t 10 funcref)
  (elem $e func 0 0 0)
  (func (export "postern_invoke") (param $length i32) (result i32)
    (block $p (block $o (block $n (block $m (block $l (block $k (block $j (block $i (block $h (block $g (block $f (block $e (block $d (block $c (block $b (block $a
      (br_table $a $b $c $d $e $f $g $h $i $j $k $l $m $n $o $p (i32.sub (local.get $length) (i32.const 2))))
      (memory.fill (i32.const 0) (i32.const 7) (i32.const 0x10001)) (return (i32.const 1)))
      (memory.fill (i32.const -1) (i32.const 7) (i32.const 2)) (return (i32.const 1)))
      (memory.fill (i32.const 1) (i32.const 7) (i32.const -1)) (return (i32.const 1)))
      (memory.fill (i32.const 0x10001) (i32.const 7) (i32.const 0)) (return (i32.const 1)))
      (memory.copy (i32.const 0) (i32.const -1) (i32.const 2)) (return (i32.const 1)))
      (memory.copy (i32.const -1) (i32.const 0) (i32.const 2)) (return (i32.const 1)))
      (memory.copy (i32.const 0x80000000) (i32.const 0x80000000) (i32.const 0x80000000)) (return (i32.const 1)))
      (memory.copy (i32.const 0x10001) (i32.const 0) (i32.const 0)) (return (i32.const 1)))
      (memory.init $d (i32.const 0) (i32.const 1) (i32.const -1)) (return (i32.const 1)))
      (memory.init $d (i32.const 0) (i32.const 9) (i32.const 0)) (return (i32.const 1)))
      (memory.init $d (i32.const -1) (i32.const 0) (i32.const 8)) (return (i32.const 1)))
      (table.fill $t (i32.const 1) (ref.null func) (i32.const -1)) (return (i32.const 1)))
      (table.copy $t $t (i32.const -1) (i32.const 0) (i32.const 2)) (return (i32.const 1)))
      (table.init $t $e (i32.const 0) (i32.const 2) (i32.const -1)) (return (i32.const 1)))
      (drop (table.get $t (i32.const -1))) (return (i32.const 1)))
    (data.drop $d)
    (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1))
    (i32.const 1)))
