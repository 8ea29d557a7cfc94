;; Looks at a file from before 1970, and sets its times to what no clock shows. Traps if the impossible is taken.
(component $guest
  (import "wasi:clocks/wall-clock@0.2.3" (instance $wall
    (type $moment' (record (field "seconds" u64) (field "nanoseconds" u32)))
    (export "datetime" (type $moment (eq $moment')))))
  (alias export $wall "datetime" (type $moment))
  (import "wasi:filesystem/types@0.2.3" (instance $types
    (alias outer $guest $moment (type $outer-moment))
    (export "datetime" (type $moment (eq $outer-moment)))
    (export "descriptor" (type $descriptor (sub resource)))
    (type $new-timestamp' (variant (case "no-change") (case "now") (case "timestamp" $moment)))
    (export "new-timestamp" (type $new-timestamp (eq $new-timestamp')))
    (type $error' (enum
      "access" "would-block" "already" "bad-descriptor" "busy" "deadlock" "quota" "exist" "file-too-large"
      "illegal-byte-sequence" "in-progress" "interrupted" "invalid" "io" "is-directory" "loop"
      "too-many-links" "message-size" "name-too-long" "no-device" "no-entry" "no-lock" "insufficient-memory"
      "insufficient-space" "not-directory" "not-empty" "not-recoverable" "unsupported" "no-tty"
      "no-such-device" "overflow" "not-permitted" "pipe" "read-only" "invalid-seek" "text-file-busy"
      "cross-device"))
    (export "error-code" (type $error (eq $error')))
    (type $path-flags' (flags "symlink-follow"))
    (export "path-flags" (type $path-flags (eq $path-flags')))
    (type $kind' (enum
      "unknown" "block-device" "character-device" "directory" "fifo" "symbolic-link" "regular-file" "socket"))
    (export "descriptor-type" (type $kind (eq $kind')))
    (type $stat' (record
      (field "type" $kind) (field "link-count" u64) (field "size" u64)
      (field "data-access-timestamp" (option $moment)) (field "data-modification-timestamp" (option $moment))
      (field "status-change-timestamp" (option $moment))))
    (export "descriptor-stat" (type $stat (eq $stat')))
    (export "[method]descriptor.set-times-at" (func
      (param "self" (borrow $descriptor)) (param "path-flags" $path-flags) (param "path" string)
      (param "data-access-timestamp" $new-timestamp) (param "data-modification-timestamp" $new-timestamp)
      (result (result (error $error)))))
    (export "[method]descriptor.stat-at" (func
      (param "self" (borrow $descriptor)) (param "path-flags" $path-flags) (param "path" string)
      (result (result $stat (error $error)))))))
  (alias export $types "descriptor" (type $descriptor))
  (import "wasi:filesystem/preopens@0.2.3" (instance $preopens
    (alias outer $guest $descriptor (type $outer-descriptor))
    (export "descriptor" (type $descriptor (eq $outer-descriptor)))
    (export "get-directories" (func (result (list (tuple (own $descriptor) string)))))))
  (core module $libc
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 4096))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.set $next (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
      (global.get $next)
      (global.set $next (i32.add (global.get $next) (local.get 3))))
    (data (i32.const 16) "old.txt"))
  (core instance $libc (instantiate $libc))
  (core func $folders (canon lower (func $preopens "get-directories")
    (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core func $set (canon lower (func $types "[method]descriptor.set-times-at")
    (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core func $stat (canon lower (func $types "[method]descriptor.stat-at")
    (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core module $main
    (import "libc" "memory" (memory 0))
    (import "" "folders" (func $folders (param i32)))
    (import "" "set" (func $set (param i32 i32 i32 i32 i32 i64 i32 i32 i64 i32 i32)))
    (import "" "stat" (func $stat (param i32 i32 i32 i32 i32)))
    (global $folder (mut i32) (i32.const 0))
    ;; Whatever the file's times are, they can be asked for, or there is an error.
    (func $look (call $stat (global.get $folder) (i32.const 1) (i32.const 16) (i32.const 7) (i32.const 2048)))
    ;; Whether the time was set.
    (func $try (param $seconds i64) (param $nanoseconds i32) (result i32)
      (call $set (global.get $folder) (i32.const 1) (i32.const 16) (i32.const 7)
        (i32.const 2) (local.get $seconds) (local.get $nanoseconds)
        (i32.const 2) (local.get $seconds) (local.get $nanoseconds) (i32.const 1024))
      (call $look)
      (i32.eqz (i32.load8_u (i32.const 1024))))
    (func $refused (param i32) (if (local.get 0) (then (unreachable))))
    (func (export "run") (result i32)
      (call $folders (i32.const 1024))
      (global.set $folder (i32.load (i32.load (i32.const 1024))))
      (call $look)
      (if (i32.eqz (call $try (i64.const 1000000000) (i32.const 5))) (then (unreachable)))
      (call $refused (call $try (i64.const -1) (i32.const 0)))
      (call $refused (call $try (i64.const -1) (i32.const -1)))
      (call $refused (call $try (i64.const 0x7fffffffffffffff) (i32.const -1)))
      ;; The file system may or may not know of these.
      (drop (call $try (i64.const 0x7fffffffffffffff) (i32.const 999999999)))
      (drop (call $try (i64.const 253402300800) (i32.const 0)))
      (drop (call $try (i64.const 1) (i32.const -1)))
      (i32.const 0)))
  (core instance $main (instantiate $main
    (with "libc" (instance $libc))
    (with "" (instance
      (export "folders" (func $folders)) (export "set" (func $set)) (export "stat" (func $stat))))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $exports (export "run" (func $run)))
  (export "wasi:cli/run@0.2.3" (instance $exports)))
