;; Wraps the algorithm in a component inside a component.
(component
  ;;@include types
  (component $Middle
    ;;@include types
    (component $Inner
      ;;@include types
      ;;@include honest-core
      (core instance $core (instantiate $Honest))
      ;;@include lift
    )
    (instance $inner (instantiate $Inner (with "rec:market/types@1.0.0" (instance $types))))
    (export "describe" (func $inner "describe"))
    (export "clear" (func $inner "clear")))
  (instance $middle (instantiate $Middle (with "rec:market/types@1.0.0" (instance $types))))
  (export "describe" (func $middle "describe"))
  (export "clear" (func $middle "clear")))
