;; No bytes.
(module binary
  "")
