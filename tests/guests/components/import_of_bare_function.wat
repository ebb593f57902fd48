;; Imports a function at the top level, outside any interface.
(component
  (import "read-secret" (func $read-secret (result u64)))
  ;;@include types
  ;;@include honest-core
  (core instance $core (instantiate $Honest))
  ;;@include lift
)
