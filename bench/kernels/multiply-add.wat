;; Multiplications and additions, each of which needs the last.
(module
  (func (export "run") (param $left i64) (result i64) (local $x i64)
    (local.set $x (i64.const 1))
    (loop $again
      (local.set $x (i64.add (i64.mul (local.get $x) (i64.const 6364136223846793005)) (i64.const 1442695040888963407)))
      (br_if $again (i64.ne (local.tee $left (i64.sub (local.get $left) (i64.const 1))) (i64.const 0))))
    (local.get $x)))
