;; An export by a name that is not UTF-8.
;; It would be in errors, logs and JSON.
(module binary
  "\00asm\01\00\00\00"
  "\01\06\01\60\01\7f\01\7f"
  "\03\02\01\00"
  "\05\03\01\00\01"
  "\07\1f\03\06memory\02\00\0epostern_invoke\00\00\01\ff\00\00"
  "\0a\06\01\04\00A\00\0b")
