;; Sets 100,000 headers that all differ, through `wasi:http` 0.2, for a request that is never sent.
(component $guest
  (import "wasi:http/types@0.2.3" (instance $types
    (export "fields" (type $fields (sub resource)))
    (type $header-cases (variant (case "invalid-syntax") (case "forbidden") (case "immutable")))
    (export "header-error" (type $header-error (eq $header-cases)))
    (export "[constructor]fields" (func (result (own $fields))))
    (export "[method]fields.append" (func (param "self" (borrow $fields)) (param "name" string) (param "value" (list u8))
      (result (result (error $header-error)))))))
  (core module $libc
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 16384)))
  (core instance $libc (instantiate $libc))
  (core func $fields (canon lower (func $types "[constructor]fields")))
  (core func $append (canon lower (func $types "[method]fields.append") (memory $libc "memory")))
  (core module $main
    (import "" "fields" (func $fields (result i32)))
    (import "" "append" (func $append (param i32 i32 i32 i32 i32 i32)))
    (import "libc" "memory" (memory 0))
    ;; Writes a header's name of four letters that no other number has.
    (func $name (param $number i32) (param $at i32) (local $end i32)
      (local.set $end (i32.add (local.get $at) (i32.const 4)))
      (loop $letter
        (i32.store8 (local.get $at) (i32.add (i32.const 97) (i32.rem_u (local.get $number) (i32.const 26))))
        (local.set $number (i32.div_u (local.get $number) (i32.const 26)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $letter (i32.lt_u (local.get $at) (local.get $end)))))
    (func (export "run") (result i32) (local $fields i32) (local $number i32)
      (local.set $fields (call $fields))
      (loop $more
        (call $name (local.get $number) (i32.const 64))
        (call $append (local.get $fields) (i32.const 64) (i32.const 4) (i32.const 64) (i32.const 4) (i32.const 128))
        (local.set $number (i32.add (local.get $number) (i32.const 1)))
        (br_if $more (i32.lt_u (local.get $number) (i32.const 100000))))
      (i32.const 0)))
  (core instance $main (instantiate $main
    (with "libc" (instance $libc))
    (with "" (instance
      (export "fields" (func $fields))
      (export "append" (func $append))))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $exports (export "run" (func $run)))
  (export "wasi:cli/run@0.2.3" (instance $exports)))
