;; A section that says it has 4 GiB.
;; Nothing may be allocated by a number that only the module names.
(module binary
  "\00asm\01\00\00\00"
  "\01\06\01\60\01\7f\01\7f"
  "\03\02\01\00"
  "\05\03\01\00\01"
  "\07\1b\02\06memory\02\00\0epostern_invoke\00\00"
  "\0a\ff\ff\ff\ff\0f\01\04\00A\00\0b")
