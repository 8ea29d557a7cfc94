;; Renames a file to a place outside of its folder. Traps if it can.
(module
  (import "wasi_snapshot_preview1" "path_rename" (func $rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "kept.txt")
  (data (i32.const 32) "../moved.txt")
  (data (i32.const 48) "out/")
  (func (export "_start")
    (if (i32.eqz (call $rename (i32.const 3) (i32.const 16) (i32.const 8) (i32.const 3) (i32.const 32) (i32.const 12)))
      (then (unreachable)))
    (if (i32.eqz (call $rename (i32.const 3) (i32.const 48) (i32.const 4) (i32.const 3) (i32.const 32) (i32.const 12)))
      (then (unreachable)))))
