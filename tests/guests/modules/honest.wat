;; Does nothing wrong: the neighbour that must never notice the others.
(module
  ;;@include standard
  (func $clear (result i32)
    (call $honest)))
