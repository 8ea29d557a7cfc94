;; Sets one key after another, as fast as it can, whether or not it is refused.
(component $guest
  (import "wasi:keyvalue/store@0.2.0-draft2" (instance $store
    (type $error' (variant (case "no-such-store") (case "access-denied") (case "other" string)))
    (export "error" (type $error (eq $error')))
    (export "bucket" (type $bucket (sub resource)))
    (export "[method]bucket.set" (func (param "self" (borrow $bucket)) (param "key" string) (param "value" (list u8))
      (result (result (error $error)))))
    (export "open" (func (param "identifier" string) (result (result (own $bucket) (error $error)))))))
  (core module $libc
    (memory (export "memory") 4)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (data (i32.const 64) "0000"))
  (core instance $libc (instantiate $libc))
  (core func $open (canon lower (func $store "open") (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core func $set (canon lower (func $store "[method]bucket.set")
    (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core module $main
    (import "" "open" (func $open (param i32 i32 i32)))
    (import "" "set" (func $set (param i32 i32 i32 i32 i32 i32)))
    (import "libc" "memory" (memory 0))
    (func (export "run") (result i32) (local $n i32)
      (call $open (i32.const 64) (i32.const 0) (i32.const 1000))
      (if (i32.load8_u (i32.const 1000)) (then (return (i32.const 1))))
      (loop $again
        (i32.store (i32.const 64) (local.get $n))
        ;; Bytes of UTF-8, whatever the number is.
        (i32.store (i32.const 64) (i32.and (i32.load (i32.const 64)) (i32.const 0x7f7f7f7f)))
        (call $set (i32.load (i32.const 1004)) (i32.const 64) (i32.const 4) (i32.const 64) (i32.const 4) (i32.const 2000))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br $again))
      (i32.const 0)))
  (core instance $main (instantiate $main
    (with "libc" (instance $libc))
    (with "" (instance
      (export "open" (func $open))
      (export "set" (func $set))))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $exports (export "run" (func $run)))
  (export "wasi:cli/run@0.2.3" (instance $exports)))
