;; A task that never comes back: it asks the host to wake it in 292 years.
;;
;; It spends no fuel while it waits, so only its timeout can end it. This is a plugin as it is: the host takes the
;; text of a module (.wat) wherever it takes a .wasm file, and a program for WASI preview 1 needs no SDK.
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)

  ;; A line for stdout, which becomes a line of the run's log, and the vector of buffers that fd_write wants.
  (data (i32.const 1024) "good night\n")
  (data (i32.const 1040) "\00\04\00\00\0b\00\00\00")

  (func (export "_start")
    (drop (call $fd_write (i32.const 1) (i32.const 1040) (i32.const 1) (i32.const 1060)))

    ;; One subscription, at address 0: the monotonic clock (1), and the timeout in nanoseconds.
    (i32.store (i32.const 16) (i32.const 1))
    (i64.store (i32.const 24) (i64.const 0x7fffffffffffffff))
    (drop (call $poll_oneoff (i32.const 0) (i32.const 256) (i32.const 1) (i32.const 512)))))
