;; Has a component start function, which runs before any call.
(component
  ;;@include types
  ;;@include honest-core
  (core instance $core (instantiate $Honest))
  (func $describe (result $description) (canon lift (core func $core "describe") (memory (core memory $core "memory"))))
  (start $describe (result (value $value))))
