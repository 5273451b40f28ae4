;; Half a header.
(module binary
  "\00asm\01")
