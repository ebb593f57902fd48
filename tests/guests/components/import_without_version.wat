;; Imports the inert interfaces without a version.
(component
  (import "wasi:cli/exit" (instance $exit (export "exit" (func (param "status" (result))))))
  ;;@include types
  ;;@include honest-core
  (core instance $core (instantiate $Honest))
  ;;@include lift
)
