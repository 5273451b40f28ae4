;; 2^32-1 bodies in a section of a few bytes.
;; A reader that makes room for them first asks for 300 GiB, and with Go the whole
;; process ends: out of memory is not an error that can be caught.
(module binary
  "\00asm\01\00\00\00"
  "\01\06\01\60\01\7f\01\7f"
  "\03\02\01\00"
  "\05\03\01\00\01"
  "\07\1b\02\06memory\02\00\0epostern_invoke\00\00"
  "\0a\0a\ff\ff\ff\ff\0f\04\00A\00\0b")
