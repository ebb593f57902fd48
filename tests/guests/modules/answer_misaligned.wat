;; Returns an odd address.
(module
  ;;@include standard
  (func $clear (result i32)
    (i32.const 1025)))
