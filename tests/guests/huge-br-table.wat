;; Jumps through a table of 2,000 targets without end.
(module
  (memory (export "memory") 1)
  (func (export "_start") (local $i i32)
    (loop $again
      (block $out
        (br_table
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out $out
          (i32.rem_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2000))))
      (br $again))))
