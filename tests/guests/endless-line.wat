;; Writes 4 MB without a line's end.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 0) "\00\04\00\00\00\a0\00\00")
  (func (export "_start") (local $left i32)
    (memory.fill (i32.const 1024) (i32.const 120) (i32.const 40960))
    (local.set $left (i32.const 100))
    (loop $again
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))))
