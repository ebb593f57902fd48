;; Knows a party that we do not.
;;@world extra-party
(module
  ;;@include standard
  (func $clear (result i32)
    (call $honest)))
