;; Sends through a socket that nobody gave it.
(module
  (import "wasi_snapshot_preview1" "sock_send" (func $send (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (if (i32.eqz (call $send (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 8)))
      (then (unreachable)))))
