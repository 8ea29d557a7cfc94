;; Fills 1 MiB over and over: one instruction, much work.
(module
  (memory (export "memory") 17)
  (func (export "_start")
    (loop $again
      (memory.fill (i32.const 65536) (i32.const 7) (i32.const 1048576))
      (br $again))))
