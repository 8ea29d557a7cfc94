;; Has a memory of 64-bit addresses and asks for 2^40 pages.
(module
  (memory (export "memory") 1)
  (memory $wide i64 1)
  (func (export "_start")
    (if (i64.ne (memory.grow $wide (i64.const 1099511627776)) (i64.const -1)) (then (unreachable)))))
