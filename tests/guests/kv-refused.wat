;; Opens its store, which no grant gives it, and a shared one, and one that cannot be. It succeeds if it is refused each time.
(component $guest
  (import "wasi:keyvalue/store@0.2.0-draft2" (instance $store
    (type $error' (variant (case "no-such-store") (case "access-denied") (case "other" string)))
    (export "error" (type $error (eq $error')))
    (export "bucket" (type $bucket (sub resource)))
    (export "open" (func (param "identifier" string) (result (result (own $bucket) (error $error)))))))
  (core module $libc
    (memory (export "memory") 4)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (data (i32.const 64) "orders") (data (i32.const 80) "../x"))
  (core instance $libc (instantiate $libc))
  (core func $open (canon lower (func $store "open") (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core module $main
    (import "" "open" (func $open (param i32 i32 i32)))
    (import "libc" "memory" (memory 0))
    ;; Whether it is refused like this: 0 no such store, 1 access denied.
    (func $refused (param $at i32) (param $length i32) (param $why i32) (result i32)
      (call $open (local.get $at) (local.get $length) (i32.const 1000))
      (i32.and (i32.load8_u (i32.const 1000)) (i32.eq (i32.load8_u (i32.const 1004)) (local.get $why))))
    (func (export "run") (result i32)
      (i32.eqz (i32.and
        (i32.and
          (call $refused (i32.const 64) (i32.const 0) (i32.const 1))
          (call $refused (i32.const 64) (i32.const 6) (i32.const 1)))
        (call $refused (i32.const 80) (i32.const 4) (i32.const 0))))))
  (core instance $main (instantiate $main
    (with "libc" (instance $libc))
    (with "" (instance (export "open" (func $open))))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $exports (export "run" (func $run)))
  (export "wasi:cli/run@0.2.3" (instance $exports)))
