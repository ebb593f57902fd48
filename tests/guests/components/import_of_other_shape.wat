;; Imports a function by the name of an interface that the sandbox has.
(component
  (import "wasi:cli/exit@0.2.0" (func $exit))
  ;;@include types
  ;;@include honest-core
  (core instance $core (instantiate $Honest))
  ;;@include lift
)
