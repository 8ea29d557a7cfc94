;; Hands a stream to a file nearly a mebibyte at once, and the next stream the same, and so on.
(component $guest
  (import "wasi:io/error@0.2.3" (instance $errors (export "error" (type (sub resource)))))
  (alias export $errors "error" (type $io-error))
  (import "wasi:io/streams@0.2.3" (instance $streams
    (alias outer $guest $io-error (type $outer-error))
    (export "error" (type $error (eq $outer-error)))
    (type $stream-error' (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $stream-error')))
    (export "output-stream" (type $stream (sub resource)))
    (export "[method]output-stream.write" (func (param "self" (borrow $stream)) (param "contents" (list u8))
      (result (result (error $stream-error)))))))
  (alias export $streams "output-stream" (type $stream))
  (import "wasi:filesystem/types@0.2.3" (instance $types
    (alias outer $guest $stream (type $outer-stream))
    (export "output-stream" (type $stream (eq $outer-stream)))
    (export "descriptor" (type $descriptor (sub resource)))
    (type $error' (enum
      "access" "would-block" "already" "bad-descriptor" "busy" "deadlock" "quota" "exist" "file-too-large"
      "illegal-byte-sequence" "in-progress" "interrupted" "invalid" "io" "is-directory" "loop" "too-many-links"
      "message-size" "name-too-long" "no-device" "no-entry" "no-lock" "insufficient-memory" "insufficient-space"
      "not-directory" "not-empty" "not-recoverable" "unsupported" "no-tty" "no-such-device" "overflow"
      "not-permitted" "pipe" "read-only" "invalid-seek" "text-file-busy" "cross-device"))
    (export "error-code" (type $error (eq $error')))
    (type $path-flags' (flags "symlink-follow"))
    (export "path-flags" (type $path-flags (eq $path-flags')))
    (type $open-flags' (flags "create" "directory" "exclusive" "truncate"))
    (export "open-flags" (type $open-flags (eq $open-flags')))
    (type $descriptor-flags' (flags
      "read" "write" "file-integrity-sync" "data-integrity-sync" "requested-write-sync" "mutate-directory"))
    (export "descriptor-flags" (type $descriptor-flags (eq $descriptor-flags')))
    (export "[method]descriptor.open-at" (func
      (param "self" (borrow $descriptor)) (param "path-flags" $path-flags) (param "path" string)
      (param "open-flags" $open-flags) (param "flags" $descriptor-flags)
      (result (result (own $descriptor) (error $error)))))
    (export "[method]descriptor.write-via-stream" (func (param "self" (borrow $descriptor)) (param "offset" u64)
      (result (result (own $stream) (error $error)))))))
  (alias export $types "descriptor" (type $descriptor))
  (import "wasi:filesystem/preopens@0.2.3" (instance $preopens
    (alias outer $guest $descriptor (type $outer-descriptor))
    (export "descriptor" (type $descriptor (eq $outer-descriptor)))
    (export "get-directories" (func (result (list (tuple (own $descriptor) string)))))))
  (core module $libc
    (memory (export "memory") 20)
    (global $next (mut i32) (i32.const 4096))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.set $next (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
      (global.get $next)
      (global.set $next (i32.add (global.get $next) (local.get 3)))))
  (core instance $libc (instantiate $libc))
  (core func $folders
    (canon lower (func $preopens "get-directories") (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core func $open (canon lower
    (func $types "[method]descriptor.open-at") (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core func $stream (canon lower (func $types "[method]descriptor.write-via-stream") (memory $libc "memory")))
  (core func $use (canon lower
    (func $streams "[method]output-stream.write") (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core module $main
    (import "libc" "memory" (memory 1))
    (import "" "folders" (func $folders (param i32)))
    (import "" "open" (func $open (param i32 i32 i32 i32 i32 i32 i32)))
    (import "" "stream" (func $stream (param i32 i64 i32)))
    (import "" "use" (func $use (param i32 i32 i32 i32)))
    (data (i32.const 16) "flood.bin")
    (func (export "run") (result i32)
      (call $folders (i32.const 512))
      (call $open (i32.load (i32.load (i32.const 512))) (i32.const 1) (i32.const 16) (i32.const 9) (i32.const 1)
        (i32.const 2) (i32.const 528))
      (if (i32.load8_u (i32.const 528)) (then (return (i32.const 1))))
      (loop $again
        (call $stream (i32.load (i32.const 532)) (i64.const 0) (i32.const 516))
        (if (i32.load8_u (i32.const 516)) (then (return (i32.const 0))))
        (call $use (i32.load (i32.const 520)) (i32.const 1024) (i32.const 1000000) (i32.const 512))
        (br $again))
      (i32.const 1)))
  (core instance $main (instantiate $main
    (with "libc" (instance $libc))
    (with "" (instance
      (export "folders" (func $folders))
      (export "open" (func $open))
      (export "stream" (func $stream))
      (export "use" (func $use))))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $exports (export "run" (func $run)))
  (export "wasi:cli/run@0.2.3" (instance $exports)))
