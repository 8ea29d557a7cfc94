;; Loops without end where no fuel is counted.
(module
  (memory (export "memory") 1)
  (func (export "_start") (loop (br 0))))
