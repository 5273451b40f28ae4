;; A compile bomb: 200 functions with 50,000 variables each, in ten bytes each.
;; None is used, but every one is a zero that is made at the beginning.
(module binary
  "\00asm\01\00\00\00"
  "\01\06\01\60\01\7f\01\7f"
  "\03\ca\01\c8\01" (@repeat 200 "\00")
  "\05\03\01\00\01"
  "\07\1b\02\06memory\02\00\0epostern_invoke\00\00"
  "\0a\8a\0e\c8\01" (@repeat 200 "\08\01\cf\86\03\7e\41\00\0b"))
