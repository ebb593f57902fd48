;; Returns no trades although there is energy.
(module
  ;;@include standard
  (func $clear (result i32)
    (call $answer)))
