;; Reads a file of a folder that it may only read, through WASI 0.3, and then tries each way to change something or to
;; get out of the folder. Traps if the file cannot be read, or if any of those is possible.
(component
  (import "wasi:filesystem/types@0.3.0" (instance $types
    (export "descriptor" (type $descriptor (sub resource)))
    (type $error-cases (variant
      (case "access") (case "already") (case "bad-descriptor") (case "busy") (case "deadlock") (case "quota")
      (case "exist") (case "file-too-large") (case "illegal-byte-sequence") (case "in-progress") (case "interrupted")
      (case "invalid") (case "io") (case "is-directory") (case "loop") (case "too-many-links") (case "message-size")
      (case "name-too-long") (case "no-device") (case "no-entry") (case "no-lock") (case "insufficient-memory")
      (case "insufficient-space") (case "not-directory") (case "not-empty") (case "not-recoverable")
      (case "unsupported") (case "no-tty") (case "no-such-device") (case "overflow") (case "not-permitted")
      (case "pipe") (case "read-only") (case "invalid-seek") (case "text-file-busy") (case "cross-device")
      (case "other" (option string))))
    (export "error-code" (type $error (eq $error-cases)))
    (type $path-bits (flags "symlink-follow"))
    (export "path-flags" (type $path-flags (eq $path-bits)))
    (type $open-bits (flags "create" "directory" "exclusive" "truncate"))
    (export "open-flags" (type $open-flags (eq $open-bits)))
    (type $descriptor-bits (flags
      "read" "write" "file-integrity-sync" "data-integrity-sync" "requested-write-sync" "mutate-directory"))
    (export "descriptor-flags" (type $descriptor-flags (eq $descriptor-bits)))
    (export "[method]descriptor.open-at" (func async
      (param "self" (borrow $descriptor)) (param "path-flags" $path-flags) (param "path" string)
      (param "open-flags" $open-flags) (param "flags" $descriptor-flags)
      (result (result (own $descriptor) (error $error)))))
    (export "[method]descriptor.create-directory-at" (func async
      (param "self" (borrow $descriptor)) (param "path" string) (result (result (error $error)))))
    (export "[method]descriptor.unlink-file-at" (func async
      (param "self" (borrow $descriptor)) (param "path" string) (result (result (error $error)))))
    (export "[method]descriptor.symlink-at" (func async
      (param "self" (borrow $descriptor)) (param "old-path" string) (param "new-path" string)
      (result (result (error $error)))))
    (export "[method]descriptor.rename-at" (func async
      (param "self" (borrow $descriptor)) (param "old-path" string) (param "new-descriptor" (borrow $descriptor))
      (param "new-path" string) (result (result (error $error)))))))
  (alias export $types "descriptor" (type $descriptor))
  (import "wasi:filesystem/preopens@0.3.0" (instance $preopens
    (alias outer 1 $descriptor (type $outer-descriptor))
    (export "descriptor" (type $descriptor (eq $outer-descriptor)))
    (export "get-directories" (func (result (list (tuple (own $descriptor) string)))))))

  (core module $libc
    (memory (export "memory") 1)
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
  (core func $create-folder (canon lower
    (func $types "[method]descriptor.create-directory-at") (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core func $unlink (canon lower
    (func $types "[method]descriptor.unlink-file-at") (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core func $symlink (canon lower
    (func $types "[method]descriptor.symlink-at") (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core func $rename (canon lower
    (func $types "[method]descriptor.rename-at") (memory $libc "memory") (realloc (func $libc "realloc"))))

  (core module $main
    (import "libc" "memory" (memory 1))
    (import "" "folders" (func $folders (param i32)))
    (import "" "open" (func $open (param i32 i32 i32 i32 i32 i32 i32)))
    (import "" "create-folder" (func $create-folder (param i32 i32 i32 i32)))
    (import "" "unlink" (func $unlink (param i32 i32 i32 i32)))
    (import "" "symlink" (func $symlink (param i32 i32 i32 i32 i32 i32)))
    (import "" "rename" (func $rename (param i32 i32 i32 i32 i32 i32 i32)))

    (data (i32.const 16) "kept.txt")
    (data (i32.const 32) "new.txt")
    (data (i32.const 48) "../sandclock.toml")
    (data (i32.const 80) "/etc/passwd")
    (data (i32.const 96) "out/passwd")
    (data (i32.const 112) "pipe")
    (data (i32.const 128) "../new.txt")
    (data (i32.const 144) "out")

    (global $folder (mut i32) (i32.const 0))

    ;; What the host answers is at 1024: 0 in its first byte is success.
    (func $refused (if (i32.eqz (i32.load8_u (i32.const 1024))) (then (unreachable))))
    (func $cannot-open (param $path i32) (param $length i32) (param $how i32) (param $for i32)
      (call $open (global.get $folder) (i32.const 1) (local.get $path) (local.get $length) (local.get $how)
        (local.get $for) (i32.const 1024))
      (call $refused))

    (func (export "run") (result i32)
      (call $folders (i32.const 1024))
      (global.set $folder (i32.load (i32.load (i32.const 1024))))
      ;; For reading.
      (call $open (global.get $folder) (i32.const 1) (i32.const 16) (i32.const 8) (i32.const 0) (i32.const 1)
        (i32.const 1024))
      (if (i32.load8_u (i32.const 1024)) (then (unreachable)))
      ;; Outside, by a path, from the root, and by a link.
      (call $cannot-open (i32.const 48) (i32.const 17) (i32.const 0) (i32.const 1))
      (call $cannot-open (i32.const 80) (i32.const 11) (i32.const 0) (i32.const 1))
      (call $cannot-open (i32.const 96) (i32.const 10) (i32.const 0) (i32.const 1))
      (call $cannot-open (i32.const 144) (i32.const 3) (i32.const 2) (i32.const 1))
      ;; A pipe.
      (call $cannot-open (i32.const 112) (i32.const 4) (i32.const 0) (i32.const 1))
      ;; For writing, cut off, and made anew.
      (call $cannot-open (i32.const 16) (i32.const 8) (i32.const 0) (i32.const 2))
      (call $cannot-open (i32.const 16) (i32.const 8) (i32.const 8) (i32.const 2))
      (call $cannot-open (i32.const 32) (i32.const 7) (i32.const 1) (i32.const 2))
      ;; By name.
      (call $create-folder (global.get $folder) (i32.const 32) (i32.const 7) (i32.const 1024))
      (call $refused)
      (call $unlink (global.get $folder) (i32.const 16) (i32.const 8) (i32.const 1024))
      (call $refused)
      (call $symlink (global.get $folder) (i32.const 80) (i32.const 11) (i32.const 32) (i32.const 7) (i32.const 1024))
      (call $refused)
      (call $rename (global.get $folder) (i32.const 16) (i32.const 8) (global.get $folder) (i32.const 128)
        (i32.const 10) (i32.const 1024))
      (call $refused)
      (call $rename (global.get $folder) (i32.const 16) (i32.const 8) (global.get $folder) (i32.const 32)
        (i32.const 7) (i32.const 1024))
      (call $refused)
      (i32.const 0)))
  (core instance $main (instantiate $main
    (with "libc" (instance $libc))
    (with "" (instance
      (export "folders" (func $folders)) (export "open" (func $open)) (export "create-folder" (func $create-folder))
      (export "unlink" (func $unlink)) (export "symlink" (func $symlink)) (export "rename" (func $rename))))))
  (func $run async (result (result)) (canon lift (core func $main "run")))
  (instance $exports (export "run" (func $run)))
  (export "wasi:cli/run@0.3.0" (instance $exports)))
