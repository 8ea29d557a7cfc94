;; Does nothing but indirect calls.
(module
  (memory (export "memory") 1)
  (table 2 funcref)
  (elem (i32.const 0) $one $two)
  (func $one)
  (func $two)
  (func (export "_start") (local $i i32)
    (loop $again
      (call_indirect (i32.and (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1)))
      (br $again))))
