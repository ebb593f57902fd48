;; The honest guest, written without an encoder: shows that the shared text of these components is valid.
(component
  ;;@include types
  ;;@include honest-core
  (core instance $core (instantiate $Honest))
  ;;@include lift
)
