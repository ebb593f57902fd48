;; Instantiates its module twelve times: each instance has a memory of 2 pages, and all count together.
(component
  ;;@include types
  ;;@include honest-core
  (core instance (instantiate $Honest))
  (core instance (instantiate $Honest))
  (core instance (instantiate $Honest))
  (core instance (instantiate $Honest))
  (core instance (instantiate $Honest))
  (core instance (instantiate $Honest))
  (core instance (instantiate $Honest))
  (core instance (instantiate $Honest))
  (core instance (instantiate $Honest))
  (core instance (instantiate $Honest))
  (core instance (instantiate $Honest))
  (core instance $core (instantiate $Honest))
  ;;@include lift
)
