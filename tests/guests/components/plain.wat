;; The honest guest without help from an encoder: shows that the shared text of these components is right.
(component
  ;;@include types
  ;;@include honest-core
  (core instance $core (instantiate $Honest))
  ;;@include lift
)
