;; A custom section of 16 MiB, between sections that matter.
;; Debug builds have such. The mistake is to keep it with every instance, or to run it
;; through a reader of its contents.
(module binary
  "\00asm\01\00\00\00"
  "\01\06\01\60\01\7f\01\7f"
  "\03\02\01\00"
  "\05\03\01\00\01"
  "\07\1b\02\06memory\02\00\0epostern_invoke\00\00"
  "\00\82\80\80\08\01x"
  (@repeat 1048576 "0123456789abcdef")
  "\0a\06\01\04\00A\00\0b")
