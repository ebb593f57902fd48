;; Traps before anybody called it.
(module
  ;;@include standard
  (start $start)
  (func $start
    unreachable)
  (func $clear (result i32)
    (call $honest)))
