;; Vector instructions that may differ between machines.
(module binary
  "\00asm\01\00\00\00"
  "\01\06\01\60\01\7f\01\7f"
  "\03\02\01\00"
  "\05\03\01\00\01"
  "\07\1b\02\06memory\02\00\0epostern_invoke\00\00"
  "\0a\0e\01\0c\00\20\00\fd\0f\fd\81\02\1aA\00\0b")
