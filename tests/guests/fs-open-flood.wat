;; Opens a file again and again and keeps it open. Traps if it comes to more than three hundred.
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "kept.txt")
  (func (export "_start") (local $open i32)
    (loop $again
      (if (i32.eqz (call $path_open (i32.const 3) (i32.const 1) (i32.const 16) (i32.const 8) (i32.const 0)
          (i64.const 0x2) (i64.const 0) (i32.const 0) (i32.const 8)))
        (then
          (local.set $open (i32.add (local.get $open) (i32.const 1)))
          (if (i32.gt_u (local.get $open) (i32.const 300)) (then (unreachable)))
          (br $again))))
    (if (i32.lt_u (local.get $open) (i32.const 100)) (then (unreachable)))))
