;; Returns 77 where only 0 and 1 mean something.
(component
  (core module $main (func (export "run") (result i32) (i32.const 77)))
  (core instance $main (instantiate $main))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $exports (export "run" (func $run)))
  (export "wasi:cli/run@0.2.3" (instance $exports)))
