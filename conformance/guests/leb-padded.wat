;; Numbers padded with zeros.
;; Sizes, counts and indices may be written in up to five bytes. A host that rewrites a
;; module must not lose its place in it. The guest gives no result.
(module binary
  "\00asm\01\00\00\00"
  "\01\8a\80\80\80\00\81\80\80\80\00\60\01\7f\01\7f"
  "\03\02\01\00"
  "\05\03\01\00\01"
  "\07\9f\80\00\82\80\80\80\00\06memory\02\00\0epostern_invoke\00\00"
  "\0a\0d\81\00\88\80\00\80\00A\80\80\80\00\0b")
