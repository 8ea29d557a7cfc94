;; A whole plugin: a WASI program that writes a line and ends. What it writes is the log of its run.
;; Any language that compiles to WebAssembly makes such programs; nobody has to write them by hand.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)

  ;; The line, and where it is: an address and a length, as fd_write wants them.
  (data (i32.const 8) "Hello from inside the sandbox!\n")
  (data (i32.const 0) "\08\00\00\00\1f\00\00\00")

  (func (export "_start")
    (drop
      (call $fd_write
        (i32.const 1)       ;; stdout
        (i32.const 0)       ;; the line
        (i32.const 1)       ;; one of them
        (i32.const 64)))))  ;; where it says how much it wrote
