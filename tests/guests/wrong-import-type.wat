;; Takes a function of the host for what it is not.
(component
  (import "wasi:random/random@0.2.3" (instance $random (export "get-random-bytes" (func (param "len" string)))))
  (core module $main (func (export "run") (result i32) (i32.const 0)))
  (core instance $main (instantiate $main))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $exports (export "run" (func $run)))
  (export "wasi:cli/run@0.2.3" (instance $exports)))
