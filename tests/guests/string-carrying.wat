;; Hands a string of megabytes from one of its components to another without end: the engine carries it, in one go.
(component
  (component $taker
    (core module $libc
      (memory (export "memory") 100)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
      (func (export "take") (param i32 i32)))
    (core instance $libc (instantiate $libc))
    (func (export "take") (param "text" string) (canon lift (core func $libc "take") string-encoding=utf16
      (memory $libc "memory") (realloc (func $libc "realloc")))))
  (instance $taker (instantiate $taker))
  (component $giver
    (import "take" (func $take (param "text" string)))
    (core module $libc (memory (export "memory") 100))
    (core instance $libc (instantiate $libc))
    (core func $take (canon lower (func $take) string-encoding=utf16 (memory $libc "memory")))
    (core module $main
      (import "" "take" (func $take (param i32 i32)))
      (func (export "run") (result i32)
        (loop $again
          (call $take (i32.const 0) (i32.const 0x300000))
          (br $again))
        (i32.const 0)))
    (core instance $main (instantiate $main (with "" (instance (export "take" (func $take))))))
    (func (export "run") (result (result)) (canon lift (core func $main "run"))))
  (instance $giver (instantiate $giver (with "take" (func $taker "take"))))
  (instance $exports (export "run" (func $giver "run")))
  (export "wasi:cli/run@0.2.3" (instance $exports)))
