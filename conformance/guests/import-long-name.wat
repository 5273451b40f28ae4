;; An import whose name has 512 KiB.
;; Whatever is refused is named in an error and in a log; neither may be as long as that.
(module binary
  "\00asm\01\00\00\00"
  "\01\09\02\60\01\7f\01\7f\60\00\00"
  "\02\8e\80\20\01\07postern\80\80\20"
  (@repeat 32768 "xxxxxxxxxxxxxxxx")
  "\00\01"
  "\03\02\01\00"
  "\05\03\01\00\01"
  "\07\1b\02\06memory\02\00\0epostern_invoke\00\01"
  "\0a\06\01\04\00A\00\0b")
