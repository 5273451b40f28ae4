;; A br_table with 2^32-1 targets in eight bytes.
(module binary
  "\00asm\01\00\00\00"
  "\01\06\01\60\01\7f\01\7f"
  "\03\02\01\00"
  "\05\03\01\00\01"
  "\07\1b\02\06memory\02\00\0epostern_invoke\00\00"
  "\0a\0f\01\0d\00\20\00\20\00\0e\ff\ff\ff\ff\0f\00\0b")
