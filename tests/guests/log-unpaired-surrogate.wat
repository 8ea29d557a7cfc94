;; Logs UTF-16 in which half a character stands alone.
(component $guest
  (import "sandclock:task/log@0.1.0" (instance $log
    (type $level' (enum "trace" "debug" "info" "warn" "error"))
    (export "level" (type $level (eq $level')))
    (export "log" (func (param "level" $level) (param "message" string)
      (param "fields" (list (tuple string string)))))))
  (core module $libc
    (memory (export "memory") 4)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (data (i32.const 64) "a\00\00\d8b\00"))
  (core instance $libc (instantiate $libc))
  (core func $log (canon lower (func $log "log") (memory $libc "memory") (realloc (func $libc "realloc")) string-encoding=utf16))
  (core module $main
    (import "" "log" (func $log (param i32 i32 i32 i32 i32)))
    (import "libc" "memory" (memory 0))
    (func (export "run") (result i32)
      (call $log (i32.const 2) (i32.const 64) (i32.const 3) (i32.const 0) (i32.const 0))
      (i32.const 0)))
  (core instance $main (instantiate $main
    (with "libc" (instance $libc))
    (with "" (instance
      (export "log" (func $log))))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $exports (export "run" (func $run)))
  (export "wasi:cli/run@0.2.3" (instance $exports)))
