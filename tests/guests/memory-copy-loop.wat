;; Copies 512 KiB to and fro over and over.
(module
  (memory (export "memory") 17)
  (func (export "_start")
    (loop $again
      (memory.copy (i32.const 65536) (i32.const 589824) (i32.const 524288))
      (memory.copy (i32.const 589824) (i32.const 65536) (i32.const 524288))
      (br $again))))
