;; Declares that its memory may grow to 4 GiB, and does not grow it.
(module
  (memory (export "memory") 1 65536)
  (func (export "_start")))
