;; Fills a table over and over.
(module
  (memory (export "memory") 1)
  (table 10000 funcref)
  (func (export "_start")
    (loop $again
      (table.fill (i32.const 0) (ref.null func) (i32.const 10000))
      (br $again))))
