;; Makes sets of HTTP fields without end: eight hundred values of a letter each, which take three times what they count.
(component
  (import "wasi:http/types@0.2.3" (instance $types
    (export "fields" (type $fields (sub resource)))
    (export "outgoing-request" (type $request (sub resource)))
    (type $method' (variant (case "get") (case "head") (case "post") (case "put") (case "delete") (case "connect")
      (case "options") (case "trace") (case "patch") (case "other" string)))
    (export "method" (type $method (eq $method')))
    (type $error' (variant (case "invalid-syntax") (case "forbidden") (case "immutable")))
    (export "header-error" (type $error (eq $error')))
    (export "[constructor]fields" (func (result (own $fields))))
    (export "[static]fields.from-list" (func (param "entries" (list (tuple string (list u8))))
      (result (result (own $fields) (error $error)))))
    (export "[constructor]outgoing-request" (func (param "headers" (own $fields)) (result (own $request))))
    (export "[method]outgoing-request.set-method" (func (param "self" (borrow $request)) (param "method" $method)
      (result (result))))))
  (core module $libc
    (memory (export "memory") 20)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
  (core instance $libc (instantiate $libc))
  (core func $from-list (canon lower (func $types "[static]fields.from-list")
    (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core module $main
    (import "" "from-list" (func $from-list (param i32 i32 i32)))
    (import "libc" "memory" (memory 0))
    (data (i32.const 16) "ab")
    (func (export "run") (result i32) (local $n i32)
      ;; The entries: a name of one letter, and a value of one.
      (loop $more
        (i32.store (i32.add (i32.const 1024) (i32.shl (local.get $n) (i32.const 4))) (i32.const 16))
        (i32.store (i32.add (i32.const 1028) (i32.shl (local.get $n) (i32.const 4))) (i32.const 1))
        (i32.store (i32.add (i32.const 1032) (i32.shl (local.get $n) (i32.const 4))) (i32.const 17))
        (i32.store (i32.add (i32.const 1036) (i32.shl (local.get $n) (i32.const 4))) (i32.const 1))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $more (i32.lt_u (local.get $n) (i32.const 797))))
      (loop $again
        (call $from-list (i32.const 1024) (local.get $n) (i32.const 512))
        (br_if $again (i32.eqz (i32.load8_u (i32.const 512)))))
      (i32.const 1)))
  (core instance $main (instantiate $main
    (with "libc" (instance $libc))
    (with "" (instance (export "from-list" (func $from-list))))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $exports (export "run" (func $run)))
  (export "wasi:cli/run@0.2.3" (instance $exports)))
