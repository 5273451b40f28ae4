;; Waiting for another thread.
;; It is sleep that burns no fuel.
(module binary
  "\00asm\01\00\00\00"
  "\01\06\01\60\01\7f\01\7f"
  "\03\02\01\00"
  "\05\04\01\03\01\01"
  "\07\1b\02\06memory\02\00\0epostern_invoke\00\00"
  "\0a\0e\01\0c\00A\00A\00B\7f\fe\01\02\00\0b")
