;; Opens its standard output without end.
(component $guest
  (import "wasi:io/streams@0.2.3" (instance $streams (export "output-stream" (type (sub resource)))))
  (alias export $streams "output-stream" (type $stream))
  (import "wasi:cli/stdout@0.2.3" (instance $stdout
    (alias outer $guest $stream (type $outer))
    (export "output-stream" (type $its (eq $outer)))
    (export "get-stdout" (func (result (own $its))))))
  (core module $libc
    (memory (export "memory") 4)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $libc (instantiate $libc))
  (core func $stdout (canon lower (func $stdout "get-stdout")))
  (core module $main
    (import "" "stdout" (func $stdout (result i32)))
    (import "libc" "memory" (memory 0))
    (func (export "run") (result i32)
      (loop $again
        (drop (call $stdout))
        (br $again))
      (i32.const 0)))
  (core instance $main (instantiate $main
    (with "libc" (instance $libc))
    (with "" (instance
      (export "stdout" (func $stdout))))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $exports (export "run" (func $run)))
  (export "wasi:cli/run@0.2.3" (instance $exports)))
