;; Traps in the start function, before any call.
(module
  ;;@include standard
  (start $start)
  (func $start
    unreachable)
  (func $clear (result i32)
    (call $honest)))
