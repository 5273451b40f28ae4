;; A component, which begins like a module.
(module binary
  "\00asm\0d\00\01\00")
