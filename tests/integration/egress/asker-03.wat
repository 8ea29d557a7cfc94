;; Asks URLs one after the other through `wasi:http` 0.3, and reads what is answered to its end. A line in its log for
;; each that was refused when it was put together, before it could be sent. It can also upload without end, and hand one
;; response on as another request's body.
;;
;; What it asks for is filled in: calls of $ask, $upload and $relay, the text that they point at, and the scheme: 0 is
;; http, 1 is https and 2 is ftp. An authority or a path of no length is left out. What is left in its futures goes when it
;; goes.
(component
  (import "wasi:http/types@0.3.0" (instance $types
    (export "fields" (type $fields (sub resource)))
    (export "request" (type $request (sub resource)))
    (export "request-options" (type $options (sub resource)))
    (export "response" (type $response (sub resource)))
    (type $scheme-cases (variant (case "HTTP") (case "HTTPS") (case "other" string)))
    (export "scheme" (type $scheme (eq $scheme-cases)))
    (type $method-cases (variant (case "get") (case "head") (case "post") (case "put") (case "delete") (case "connect")
      (case "options") (case "trace") (case "patch") (case "other" string)))
    (export "method" (type $method (eq $method-cases)))
    (type $dns-fields (record (field "rcode" (option string)) (field "info-code" (option u16))))
    (export "DNS-error-payload" (type $dns (eq $dns-fields)))
    (type $alert-fields (record (field "alert-id" (option u8)) (field "alert-message" (option string))))
    (export "TLS-alert-received-payload" (type $alert (eq $alert-fields)))
    (type $size-fields (record (field "field-name" (option string)) (field "field-size" (option u32))))
    (export "field-size-payload" (type $size (eq $size-fields)))
    (type $error-cases (variant
      (case "DNS-timeout") (case "DNS-error" $dns) (case "destination-not-found") (case "destination-unavailable")
      (case "destination-IP-prohibited") (case "destination-IP-unroutable") (case "connection-refused")
      (case "connection-terminated") (case "connection-timeout") (case "connection-read-timeout")
      (case "connection-write-timeout") (case "connection-limit-reached") (case "TLS-protocol-error")
      (case "TLS-certificate-error") (case "TLS-alert-received" $alert) (case "HTTP-request-denied")
      (case "HTTP-request-length-required") (case "HTTP-request-body-size" (option u64))
      (case "HTTP-request-method-invalid") (case "HTTP-request-URI-invalid") (case "HTTP-request-URI-too-long")
      (case "HTTP-request-header-section-size" (option u32)) (case "HTTP-request-header-size" (option $size))
      (case "HTTP-request-trailer-section-size" (option u32)) (case "HTTP-request-trailer-size" $size)
      (case "HTTP-response-incomplete") (case "HTTP-response-header-section-size" (option u32))
      (case "HTTP-response-header-size" $size) (case "HTTP-response-body-size" (option u64))
      (case "HTTP-response-trailer-section-size" (option u32)) (case "HTTP-response-trailer-size" $size)
      (case "HTTP-response-transfer-coding" (option string)) (case "HTTP-response-content-coding" (option string))
      (case "HTTP-response-timeout") (case "HTTP-upgrade-failed") (case "HTTP-protocol-error") (case "loop-detected")
      (case "configuration-error") (case "internal-error" (option string))))
    (export "error-code" (type $error (eq $error-cases)))
    (export "[constructor]fields" (func (result (own $fields))))
    (export "[static]request.new" (func
      (param "headers" (own $fields)) (param "contents" (option (stream u8)))
      (param "trailers" (future (result (option (own $fields)) (error $error)))) (param "options" (option (own $options)))
      (result (tuple (own $request) (future (result (error $error)))))))
    (export "[method]request.set-method" (func
      (param "self" (borrow $request)) (param "method" $method) (result (result))))
    (export "[method]request.set-scheme" (func
      (param "self" (borrow $request)) (param "scheme" (option $scheme)) (result (result))))
    (export "[method]request.set-authority" (func
      (param "self" (borrow $request)) (param "authority" (option string)) (result (result))))
    (export "[method]request.set-path-with-query" (func
      (param "self" (borrow $request)) (param "path-with-query" (option string)) (result (result))))
    (export "[static]response.consume-body" (func
      (param "this" (own $response)) (param "res" (future (result (error $error))))
      (result (tuple (stream u8) (future (result (option (own $fields)) (error $error)))))))))
  (alias export $types "fields" (type $fields))
  (alias export $types "request" (type $request))
  (alias export $types "response" (type $response))
  (alias export $types "error-code" (type $error))
  (import "wasi:http/client@0.3.0" (instance $client
    (alias outer 1 $request (type $outer-request))
    (export "request" (type $request (eq $outer-request)))
    (alias outer 1 $response (type $outer-response))
    (export "response" (type $response (eq $outer-response)))
    (alias outer 1 $error (type $outer-error))
    (export "error-code" (type $error (eq $outer-error)))
    (export "send" (func async (param "request" (own $request)) (result (result (own $response) (error $error)))))))
  (import "wasi:logging/logging@0.1.0-draft" (instance $logging
    (type $levels (enum "trace" "debug" "info" "warn" "error" "critical"))
    (export "level" (type $level (eq $levels)))
    (export "log" (func (param "level" $level) (param "context" string) (param "message" string)))))

  (type $trailers (future (result (option (own $fields)) (error $error))))
  (type $result (future (result (error $error))))
  (type $bytes (stream u8))

  ;; Whatever the host hands over is read before the next request, so all of it takes the same place.
  (core module $libc
    (memory (export "memory") 4)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0x20000)))
  (core instance $libc (instantiate $libc))

  (core func $fields (canon lower (func $types "[constructor]fields")))
  (core func $new (canon lower (func $types "[static]request.new") (memory $libc "memory")))
  (core func $set-method (canon lower (func $types "[method]request.set-method") (memory $libc "memory")))
  (core func $set-scheme (canon lower (func $types "[method]request.set-scheme") (memory $libc "memory")))
  (core func $set-authority (canon lower (func $types "[method]request.set-authority") (memory $libc "memory")))
  (core func $set-path (canon lower (func $types "[method]request.set-path-with-query") (memory $libc "memory")))
  (core func $send (canon lower (func $client "send") (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core func $consume (canon lower (func $types "[static]response.consume-body") (memory $libc "memory")))
  (core func $log (canon lower (func $logging "log") (memory $libc "memory")))
  (core func $drop-request (canon resource.drop $request))
  (core func $new-trailers (canon future.new $trailers))
  (core func $write-trailers (canon future.write $trailers async (memory $libc "memory")))
  (core func $drop-trailers (canon future.drop-readable $trailers))
  (core func $new-result (canon future.new $result))
  (core func $write-result (canon future.write $result async (memory $libc "memory")))
  (core func $drop-result (canon future.drop-readable $result))
  (core func $read (canon stream.read $bytes async (memory $libc "memory")))
  (core func $new-bytes (canon stream.new $bytes))
  (core func $write (canon stream.write $bytes async (memory $libc "memory")))
  (core func $drop-bytes (canon stream.drop-readable $bytes))
  (core func $new-set (canon waitable-set.new))
  (core func $join (canon waitable.join))
  (core func $wait (canon waitable-set.wait (memory $libc "memory")))

  (core module $main
    (import "libc" "memory" (memory 1))
    (import "" "fields" (func $fields (result i32)))
    (import "" "new" (func $new (param i32 i32 i32 i32 i32 i32 i32)))
    (import "" "set-method" (func $set-method (param i32 i32 i32 i32) (result i32)))
    (import "" "set-scheme" (func $set-scheme (param i32 i32 i32 i32 i32) (result i32)))
    (import "" "set-authority" (func $set-authority (param i32 i32 i32 i32) (result i32)))
    (import "" "set-path" (func $set-path (param i32 i32 i32 i32) (result i32)))
    (import "" "send" (func $send (param i32 i32)))
    (import "" "consume" (func $consume (param i32 i32 i32)))
    (import "" "log" (func $log (param i32 i32 i32 i32 i32)))
    (import "" "drop-request" (func $drop-request (param i32)))
    (import "" "new-trailers" (func $new-trailers (result i64)))
    (import "" "write-trailers" (func $write-trailers (param i32 i32) (result i32)))
    (import "" "drop-trailers" (func $drop-trailers (param i32)))
    (import "" "new-result" (func $new-result (result i64)))
    (import "" "write-result" (func $write-result (param i32 i32) (result i32)))
    (import "" "drop-result" (func $drop-result (param i32)))
    (import "" "read" (func $read (param i32 i32 i32) (result i32)))
    (import "" "new-bytes" (func $new-bytes (result i64)))
    (import "" "write" (func $write (param i32 i32 i32) (result i32)))
    (import "" "drop-bytes" (func $drop-bytes (param i32)))
    (import "" "new-set" (func $new-set (result i32)))
    (import "" "join" (func $join (param i32 i32)))
    (import "" "wait" (func $wait (param i32 i32) (result i32)))

    ;; At 0 is "all is well, and nothing more to say" for either future; at 256 and 512 is what the host returns.
    (data (i32.const 1024) "refused")
    (data (i32.const 1040) "ftp")
    (data (i32.const 2048) "TEXT")

    (func $ask (param $authority i32) (param $authority-length i32) (param $path i32) (param $path-length i32)
      (local $response i32)
      (local.set $response (call $answer
        (i32.const 0) (i32.const 0)
        (local.get $authority) (local.get $authority-length) (local.get $path) (local.get $path-length)))
      (if (local.get $response) (then (call $read-all (local.get $response)))))

    ;; Posts a body of which there is always more, and reads the answer first.
    (func $upload (param $authority i32) (param $authority-length i32) (param $path i32) (param $path-length i32)
      (local $ends i64) (local $writes i32) (local $response i32) (local $outcome i32)
      (local.set $ends (call $new-bytes))
      (local.set $writes (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
      (local.set $response (call $answer
        (i32.const 1) (i32.wrap_i64 (local.get $ends))
        (local.get $authority) (local.get $authority-length) (local.get $path) (local.get $path-length)))
      (if (local.get $response) (then (call $read-all (local.get $response))))
      (loop $more
        (local.set $outcome (call $write (local.get $writes) (i32.const 0x10000) (i32.const 0x10000)))
        (if (i32.eq (local.get $outcome) (i32.const -1))
          (then (local.set $outcome (call $wait-for (local.get $writes)))))
        (br_if $more (i32.eqz (i32.and (local.get $outcome) (i32.const 15))))))

    ;; Posts to the second path what is answered at the first, reads none of it, and waits for what does not come.
    (func $relay (param $authority i32) (param $authority-length i32) (param $path i32) (param $path-length i32)
      (param $to i32) (param $to-length i32) (local $ends i64)
      (local.set $ends (call $new-result))
      (call $consume
        (call $answer
          (i32.const 0) (i32.const 0)
          (local.get $authority) (local.get $authority-length) (local.get $path) (local.get $path-length))
        (i32.wrap_i64 (local.get $ends))
        (i32.const 512))
      (drop (call $answer
        (i32.const 1) (i32.load (i32.const 512))
        (local.get $authority) (local.get $authority-length) (local.get $to) (local.get $to-length)))
      (drop (call $wait-for (i32.load (i32.const 516)))))

    ;; The response to a request with these contents, or without any; 0 if there is none.
    (func $answer (param $has-contents i32) (param $contents i32)
      (param $authority i32) (param $authority-length i32) (param $path i32) (param $path-length i32) (result i32)
      (local $ends i64) (local $request i32)
      (local.set $ends (call $new-trailers))
      (call $new (call $fields) (local.get $has-contents) (local.get $contents) (i32.wrap_i64 (local.get $ends))
        (i32.const 0) (i32.const 0) (i32.const 256))
      (drop (call $write-trailers (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))) (i32.const 0)))
      (local.set $request (i32.load (i32.const 256)))
      (call $drop-result (i32.load (i32.const 260)))
      (if (local.get $has-contents)
        (then (drop (call $set-method (local.get $request) (i32.const 2) (i32.const 0) (i32.const 0)))))
      (if (i32.or
          (i32.or
            (call $set-scheme (local.get $request) (i32.const 1) (i32.const SCHEME) (i32.const 1040) (i32.const 3))
            (call $set-authority
              (local.get $request) (i32.ne (local.get $authority-length) (i32.const 0)) (local.get $authority)
              (local.get $authority-length)))
          (call $set-path
            (local.get $request) (i32.ne (local.get $path-length) (i32.const 0)) (local.get $path)
            (local.get $path-length)))
        (then
          (call $drop-request (local.get $request))
          (call $log (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 1024) (i32.const 7))
          (return (i32.const 0))))
      (call $send (local.get $request) (i32.const 256))
      (select (i32.const 0) (i32.load (i32.const 264)) (i32.load8_u (i32.const 256))))

    (func $read-all (param $response i32) (local $ends i64) (local $body i32) (local $outcome i32)
      (local.set $ends (call $new-result))
      (call $consume (local.get $response) (i32.wrap_i64 (local.get $ends)) (i32.const 512))
      (drop (call $write-result (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))) (i32.const 0)))
      (local.set $body (i32.load (i32.const 512)))
      (loop $more
        (local.set $outcome (call $read (local.get $body) (i32.const 0x20000) (i32.const 4096)))
        (if (i32.eq (local.get $outcome) (i32.const -1))
          (then (local.set $outcome (call $wait-for (local.get $body)))))
        (br_if $more (i32.eqz (i32.and (local.get $outcome) (i32.const 15)))))
      (call $drop-bytes (local.get $body))
      (call $drop-trailers (i32.load (i32.const 516))))

    ;; Waits for what goes on with a stream, and says what came of it.
    (func $wait-for (param $stream i32) (result i32)
      (call $join (local.get $stream) (global.get $set))
      (drop (call $wait (global.get $set) (i32.const 768)))
      (i32.load (i32.const 772)))

    (global $set (mut i32) (i32.const 0))
    (func (export "run") (result i32)
      (global.set $set (call $new-set))
      CALLS
      (i32.const 0)))
  (core instance $main (instantiate $main
    (with "libc" (instance $libc))
    (with "" (instance
      (export "fields" (func $fields)) (export "new" (func $new)) (export "set-method" (func $set-method)) (export "set-scheme" (func $set-scheme))
      (export "set-authority" (func $set-authority)) (export "set-path" (func $set-path)) (export "send" (func $send))
      (export "consume" (func $consume)) (export "log" (func $log)) (export "drop-request" (func $drop-request))
      (export "new-trailers" (func $new-trailers)) (export "write-trailers" (func $write-trailers))
      (export "drop-trailers" (func $drop-trailers)) (export "new-result" (func $new-result))
      (export "write-result" (func $write-result)) (export "drop-result" (func $drop-result))
      (export "read" (func $read)) (export "write" (func $write))
      (export "new-bytes" (func $new-bytes)) (export "drop-bytes" (func $drop-bytes))
      (export "new-set" (func $new-set)) (export "join" (func $join)) (export "wait" (func $wait))))))
  (func $run async (result (result)) (canon lift (core func $main "run")))
  (instance $exports (export "run" (func $run)))
  (export "wasi:cli/run@0.3.0" (instance $exports)))
