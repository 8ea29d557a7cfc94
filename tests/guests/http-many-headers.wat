;; Sends a request with 30,000 headers that all differ, through `sandclock:task/http`. It succeeds if that is refused as
;; malformed.
(component $guest
  (import "sandclock:task/http@0.1.0" (instance $http
    (type $header' (tuple string string))
    (export "header" (type $header (eq $header')))
    (type $request' (record (field "method" string) (field "url" string) (field "headers" (list $header))
      (field "body" (list u8)) (field "timeout" (option u64))))
    (export "request" (type $request (eq $request')))
    (type $response' (record (field "status" u16) (field "headers" (list $header)) (field "body" (list u8))))
    (export "response" (type $response (eq $response')))
    (type $error' (variant (case "denied" string) (case "invalid-request" string) (case "connection-failed" string)
      (case "timed-out") (case "body-too-large" u64) (case "too-many-requests")))
    (export "error" (type $error (eq $error')))
    (export "send" (func (param "request" $request) (result (result $response (error $error)))))))
  (core module $libc
    (memory (export "memory") 16)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 16384))
    (data (i32.const 64) "GET") (data (i32.const 128) "http://127.0.0.1:1/"))
  (core instance $libc (instantiate $libc))
  (core func $send (canon lower (func $http "send") (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core module $main
    (import "" "send" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i32)))
    (import "libc" "memory" (memory 0))
    ;; Writes a header's name of four letters that no other number has.
    (func $name (param $number i32) (param $at i32) (local $end i32)
      (local.set $end (i32.add (local.get $at) (i32.const 4)))
      (loop $letter
        (i32.store8 (local.get $at) (i32.add (i32.const 97) (i32.rem_u (local.get $number) (i32.const 26))))
        (local.set $number (i32.div_u (local.get $number) (i32.const 26)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $letter (i32.lt_u (local.get $at) (local.get $end)))))
    ;; The headers from 64 KiB on, their names from 768 KiB on.
    (func (export "run") (result i32) (local $number i32) (local $header i32) (local $name i32)
      (loop $more
        (local.set $header (i32.add (i32.const 65536) (i32.shl (local.get $number) (i32.const 4))))
        (local.set $name (i32.add (i32.const 786432) (i32.shl (local.get $number) (i32.const 2))))
        (call $name (local.get $number) (local.get $name))
        (i32.store (local.get $header) (local.get $name))
        (i32.store offset=4 (local.get $header) (i32.const 4))
        (local.set $number (i32.add (local.get $number) (i32.const 1)))
        (br_if $more (i32.lt_u (local.get $number) (i32.const 30000))))
      (call $send (i32.const 64) (i32.const 3) (i32.const 128) (i32.const 19) (i32.const 65536) (i32.const 30000)
        (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 1024))
      (i32.or
        (i32.ne (i32.load8_u (i32.const 1024)) (i32.const 1))
        (i32.ne (i32.load8_u (i32.const 1032)) (i32.const 1)))))
  (core instance $main (instantiate $main
    (with "libc" (instance $libc))
    (with "" (instance
      (export "send" (func $send))))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $exports (export "run" (func $run)))
  (export "wasi:cli/run@0.2.3" (instance $exports)))
