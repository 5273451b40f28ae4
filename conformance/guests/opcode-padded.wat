;; Vector instructions whose opcodes are padded with zeros.
;; i32x4.sub, written in four bytes where two are enough, is legal. An engine that reads
;; only the first of them sees other instructions than the host that counted fuel: what
;; was checked is not what runs. Refuse it, or run it as what it is.
(module binary
  "\00asm\01\00\00\00"
  "\01\06\01\60\01\7f\01\7f"
  "\03\02\01\00"
  "\05\03\01\00\01"
  "\07\1b\02\06memory\02\00\0epostern_invoke\00\00"
  "\0a0\01.\00\fd\0c\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\fd\0c\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\fd\b1\81\80\00\1aA\01\0b")
