;; A tail call.
;; It is a loop that is neither a loop nor an ever deeper call.
(module binary
  "\00asm\01\00\00\00"
  "\01\06\01\60\01\7f\01\7f"
  "\03\02\01\00"
  "\05\03\01\00\01"
  "\07\1b\02\06memory\02\00\0epostern_invoke\00\00"
  "\0a\08\01\06\00\20\00\12\00\0b")
