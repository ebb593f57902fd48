;; Does nothing wrong: the neighbour that the other guests must not disturb.
(module
  ;;@include standard
  (func $clear (result i32)
    (call $honest)))
