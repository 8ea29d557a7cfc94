;; Loads a byte, changes it, and stores it, over and over 64 KiB.
(module
  (memory 1)
  (func (export "run") (param $left i64) (result i64) (local $at i32)
    (loop $again
      (local.set $at (i32.and (i32.wrap_i64 (local.get $left)) (i32.const 0xffff)))
      (i32.store8 (local.get $at) (i32.add (i32.load8_u (local.get $at)) (i32.const 1)))
      (br_if $again (i64.ne (local.tee $left (i64.sub (local.get $left) (i64.const 1))) (i64.const 0))))
    (i64.load8_u (i32.const 0))))
