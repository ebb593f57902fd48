;; Counts energy in floating-point numbers.
;;@world float-energy
(module
  ;;@include standard
  (func $clear (result i32)
    (call $honest)))
