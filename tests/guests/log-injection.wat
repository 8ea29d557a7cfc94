;; Logs a line that pretends to be two, with a forged time and colours.
(component $guest
  (import "sandclock:task/log@0.1.0" (instance $log
    (type $level' (enum "trace" "debug" "info" "warn" "error"))
    (export "level" (type $level (eq $level')))
    (export "log" (func (param "level" $level) (param "message" string)
      (param "fields" (list (tuple string string)))))))
  (core module $libc
    (memory (export "memory") 4)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (data (i32.const 64) "paid\0d\0a2026-01-01 00:00:00 \1b[31mERROR\1b[0m stolen \e2\80\ae"))
  (core instance $libc (instantiate $libc))
  (core func $log (canon lower (func $log "log") (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core module $main
    (import "" "log" (func $log (param i32 i32 i32 i32 i32)))
    (import "libc" "memory" (memory 0))
    (func (export "run") (result i32)
      (memory.copy (i32.const 0) (i32.const 0) (i32.const 0))
      (call $log (i32.const 2) (i32.const 64) (i32.const 44) (i32.const 0) (i32.const 0))
      (i32.const 0)))
  (core instance $main (instantiate $main
    (with "libc" (instance $libc))
    (with "" (instance
      (export "log" (func $log))))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $exports (export "run" (func $run)))
  (export "wasi:cli/run@0.2.3" (instance $exports)))
