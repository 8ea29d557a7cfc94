;; Makes requests without end and sends none, each with a method of nearly a mebibyte.
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
  (core func $fields (canon lower (func $types "[constructor]fields")))
  (core func $request (canon lower (func $types "[constructor]outgoing-request")))
  (core func $set-method (canon lower (func $types "[method]outgoing-request.set-method")
    (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core module $main
    (import "" "fields" (func $fields (result i32)))
    (import "" "request" (func $request (param i32) (result i32)))
    (import "" "set-method" (func $set-method (param i32 i32 i32 i32) (result i32)))
    (import "libc" "memory" (memory 0))
    (func (export "run") (result i32)
      (memory.fill (i32.const 1024) (i32.const 65) (i32.const 1000000))
      (loop $again
        (drop (call $set-method (call $request (call $fields)) (i32.const 9) (i32.const 1024) (i32.const 1000000)))
        (br $again))
      (i32.const 0)))
  (core instance $main (instantiate $main
    (with "libc" (instance $libc))
    (with "" (instance
      (export "fields" (func $fields))
      (export "request" (func $request))
      (export "set-method" (func $set-method))))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $exports (export "run" (func $run)))
  (export "wasi:cli/run@0.2.3" (instance $exports)))
