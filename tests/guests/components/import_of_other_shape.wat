;; Imports a function under the name of an interface that the sandbox provides.
(component
  (import "wasi:cli/exit@0.2.0" (func $exit))
  ;;@include types
  ;;@include honest-core
  (core instance $core (instantiate $Honest))
  ;;@include lift
)
