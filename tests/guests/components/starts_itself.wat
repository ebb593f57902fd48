;; Has a start function of the component, which runs before anybody called it.
(component
  ;;@include types
  ;;@include honest-core
  (core instance $core (instantiate $Honest))
  (func $describe (result $description) (canon lift (core func $core "describe") (memory (core memory $core "memory"))))
  (start $describe (result (value $value))))
