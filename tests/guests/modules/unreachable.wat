;; Traps.
(module
  ;;@include standard
  (func $clear (result i32)
    unreachable))
