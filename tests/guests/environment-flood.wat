;; Has its environment and its arguments written out for ever.
(component
  (import "wasi:cli/environment@0.2.3" (instance $environment
    (export "get-environment" (func (result (list (tuple string string)))))
    (export "get-arguments" (func (result (list string))))))
  (core module $libc
    (memory (export "memory") 4)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096)))
  (core instance $libc (instantiate $libc))
  (core func $variables (canon lower (func $environment "get-environment")
    (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core func $arguments (canon lower (func $environment "get-arguments")
    (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core module $main
    (import "" "variables" (func $variables (param i32)))
    (import "" "arguments" (func $arguments (param i32)))
    (func (export "run") (result i32)
      (loop $again
        (call $variables (i32.const 16))
        (call $arguments (i32.const 16))
        (br $again))
      (unreachable)))
  (core instance $main (instantiate $main
    (with "" (instance
      (export "variables" (func $variables))
      (export "arguments" (func $arguments))))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $exports (export "run" (func $run)))
  (export "wasi:cli/run@0.2.3" (instance $exports)))
