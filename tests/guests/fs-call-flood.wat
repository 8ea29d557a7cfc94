;; Begins to make three hundred folders before it waits for any. Through WASI 0.3.
(component $guest
  (import "wasi:filesystem/types@0.3.0" (instance $types
    (export "descriptor" (type $descriptor (sub resource)))
    (type $error' (variant
      (case "access") (case "already") (case "bad-descriptor") (case "busy") (case "deadlock") (case "quota")
      (case "exist") (case "file-too-large") (case "illegal-byte-sequence") (case "in-progress")
      (case "interrupted") (case "invalid") (case "io") (case "is-directory") (case "loop")
      (case "too-many-links") (case "message-size") (case "name-too-long") (case "no-device")
      (case "no-entry") (case "no-lock") (case "insufficient-memory") (case "insufficient-space")
      (case "not-directory") (case "not-empty") (case "not-recoverable") (case "unsupported") (case "no-tty")
      (case "no-such-device") (case "overflow") (case "not-permitted") (case "pipe") (case "read-only")
      (case "invalid-seek") (case "text-file-busy") (case "cross-device") (case "other" (option string))))
    (export "error-code" (type $error (eq $error')))
    (export "[method]descriptor.create-directory-at" (func async
      (param "self" (borrow $descriptor)) (param "path" string) (result (result (error $error)))))))
  (alias export $types "descriptor" (type $descriptor))
  (import "wasi:filesystem/preopens@0.3.0" (instance $preopens
    (alias outer $guest $descriptor (type $outer-descriptor))
    (export "descriptor" (type $descriptor (eq $outer-descriptor)))
    (export "get-directories" (func (result (list (tuple (own $descriptor) string)))))))
  (core module $libc
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 2048))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.set $next (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
      (global.get $next)
      (global.set $next (i32.add (global.get $next) (local.get 3)))))
  (core instance $libc (instantiate $libc))
  (core func $folders (canon lower (func $preopens "get-directories")
    (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core func $begin (canon lower (func $types "[method]descriptor.create-directory-at") async
    (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core func $set (canon waitable-set.new))
  (core func $join (canon waitable.join))
  (core func $wait (canon waitable-set.wait (memory $libc "memory")))
  (core module $main
    (import "libc" "memory" (memory 0))
    (import "" "folders" (func $folders (param i32)))
    (import "" "begin" (func $begin (param i32 i32 i32 i32) (result i32)))
    (import "" "set" (func $set (result i32)))
    (import "" "join" (func $join (param i32 i32)))
    (import "" "wait" (func $wait (param i32 i32) (result i32)))
    (global $folder (mut i32) (i32.const 0))
    (global $name (mut i32) (i32.const 0))
    (func $prepare (nop))
    ;; The name is at 512, three characters for as many digits of base 32.
    (func $one (result i32)
      (i32.store (i32.const 512) (i32.add (i32.const 0x404040) (i32.add
        (i32.and (global.get $name) (i32.const 31))
        (i32.shl (i32.shr_u (global.get $name) (i32.const 5)) (i32.const 8)))))
      (global.set $name (i32.add (global.get $name) (i32.const 1)))
      (call $begin (global.get $folder) (i32.const 512) (i32.const 3) (i32.const 1024)))
    (func (export "run") (result i32) (local $set i32) (local $call i32) (local $begun i32) (local $waiting i32)
      (call $folders (i32.const 1024))
      (global.set $folder (i32.load (i32.load (i32.const 1024))))
      (call $prepare)
      (local.set $set (call $set))
      (loop $again
        (local.set $call (call $one))
        ;; What goes on has a handle above the four bits of how it goes.
        (if (i32.ne (i32.and (local.get $call) (i32.const 15)) (i32.const 2)) (then
          (call $join (i32.shr_u (local.get $call) (i32.const 4)) (local.get $set))
          (local.set $waiting (i32.add (local.get $waiting) (i32.const 1)))))
        (local.set $begun (i32.add (local.get $begun) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $begun) (i32.const 300))))
      (loop $next (if (local.get $waiting) (then
        (drop (call $wait (local.get $set) (i32.const 16)))
        (local.set $waiting (i32.sub (local.get $waiting) (i32.const 1)))
        (br $next))))
      (i32.const 0)))
  (core instance $main (instantiate $main
    (with "libc" (instance $libc))
    (with "" (instance
      (export "folders" (func $folders)) (export "begin" (func $begin)) (export "set" (func $set))
      (export "join" (func $join)) (export "wait" (func $wait))))))
  (func $run async (result (result)) (canon lift (core func $main "run")))
  (instance $exports (export "run" (func $run)))
  (export "wasi:cli/run@0.3.0" (instance $exports)))
