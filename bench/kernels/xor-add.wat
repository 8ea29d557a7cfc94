;; A loop that does little: an exclusive or and an addition.
(module
  (func (export "run") (param $left i64) (result i64) (local $x i64)
    (loop $again
      (local.set $x (i64.add (i64.xor (local.get $x) (local.get $left)) (i64.const 1)))
      (br_if $again (i64.ne (local.tee $left (i64.sub (local.get $left) (i64.const 1))) (i64.const 0))))
    (local.get $x)))
