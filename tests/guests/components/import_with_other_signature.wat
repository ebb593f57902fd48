;; Imports an inert function with a different signature.
(component
  (import "wasi:cli/exit@0.2.0" (instance $exit (export "exit" (func (param "status" string) (result u64)))))
  ;;@include types
  ;;@include honest-core
  (core instance $core (instantiate $Honest))
  ;;@include lift
)
