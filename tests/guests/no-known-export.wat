;; Exports nothing that a host could call.
(module
  (func (export "hello")))
