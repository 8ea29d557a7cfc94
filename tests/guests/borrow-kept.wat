;; Is made of two parts. One lends the other a handle, which never gives it back.
(component $guest
  (import "wasi:io/poll@0.2.3" (instance $poll (export "pollable" (type $pollable (sub resource)))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.3" (instance $clock
    (alias outer $guest $pollable (type $outer))
    (export "pollable" (type $its (eq $outer)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $its))))))
  (component $keeper
    (import "pollable" (type $pollable (sub resource)))
    (core module $main (func (export "keep") (param i32)))
    (core instance $main (instantiate $main))
    (func (export "keep") (param "timer" (borrow $pollable)) (canon lift (core func $main "keep"))))
  (instance $keeper (instantiate $keeper (with "pollable" (type $pollable))))
  (component $lender
    (import "pollable" (type $pollable (sub resource)))
    (import "subscribe" (func $subscribe (param "when" u64) (result (own $pollable))))
    (import "keep" (func $keep (param "timer" (borrow $pollable))))
    (core func $subscribe (canon lower (func $subscribe)))
    (core func $keep (canon lower (func $keep)))
    (core module $main
      (import "" "subscribe" (func $subscribe (param i64) (result i32)))
      (import "" "keep" (func $keep (param i32)))
      (func (export "run") (result i32)
        (call $keep (call $subscribe (i64.const 1)))
        (i32.const 0)))
    (core instance $main (instantiate $main
      (with "" (instance
        (export "subscribe" (func $subscribe))
        (export "keep" (func $keep))))))
    (func (export "run") (result (result)) (canon lift (core func $main "run"))))
  (instance $lender (instantiate $lender
    (with "pollable" (type $pollable))
    (with "subscribe" (func $clock "subscribe-duration"))
    (with "keep" (func $keeper "keep"))))
  (instance $exports (export "run" (func $lender "run")))
  (export "wasi:cli/run@0.2.3" (instance $exports)))
