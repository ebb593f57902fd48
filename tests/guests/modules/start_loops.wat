;; Loops in the start function, before any call.
(module
  ;;@include standard
  (start $start)
  (func $start
    (loop $again (br $again)))
  (func $clear (result i32)
    (call $honest)))
