;; Takes memory in eight memories in turn, each of which stays small.
(module
  (memory (export "memory") 1)
  (memory $m1 1)
  (memory $m2 1)
  (memory $m3 1)
  (memory $m4 1)
  (memory $m5 1)
  (memory $m6 1)
  (func (export "_start") (local $left i32)
    (local.set $left (i32.const 300))
    (loop $again
      (if (i32.eq (memory.grow $m1 (i32.const 4)) (i32.const -1)) (then (unreachable)))
      (if (i32.eq (memory.grow $m2 (i32.const 4)) (i32.const -1)) (then (unreachable)))
      (if (i32.eq (memory.grow $m3 (i32.const 4)) (i32.const -1)) (then (unreachable)))
      (if (i32.eq (memory.grow $m4 (i32.const 4)) (i32.const -1)) (then (unreachable)))
      (if (i32.eq (memory.grow $m5 (i32.const 4)) (i32.const -1)) (then (unreachable)))
      (if (i32.eq (memory.grow $m6 (i32.const 4)) (i32.const -1)) (then (unreachable)))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))))
