;; Lifts its export with a callback for an event loop.
(component
  ;;@include types
  (core module $Callback
    (memory (export "memory") 1)
    (func (export "describe") (result i32) (i32.const 0))
    (func (export "callback") (param i32 i32 i32) (result i32) (i32.const 1)))
  (core instance $core (instantiate $Callback))
  (func $describe async (result $description)
    (canon lift (core func $core "describe") (memory (core memory $core "memory")) async (callback (core func $core "callback"))))
  (export "describe" (func $describe)))
