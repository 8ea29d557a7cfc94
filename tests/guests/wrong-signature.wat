;; Calls a function as what it is not.
(module
  (memory (export "memory") 1)
  (table 1 funcref)
  (elem (i32.const 0) $f)
  (func $f (param i64))
  (func (export "_start") (call_indirect (i32.const 0))))
