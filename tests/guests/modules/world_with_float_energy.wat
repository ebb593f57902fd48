;; Has floating-point energy.
;;@world float-energy
(module
  ;;@include standard
  (func $clear (result i32)
    (call $honest)))
