;; Lifts its export as an asynchronous function.
(component
  ;;@include types
  ;;@include honest-core
  (core instance $core (instantiate $Honest))
  (func $describe (result $description)
    (canon lift (core func $core "describe") (memory (core memory $core "memory")) async))
  (export "describe" (func $describe)))
