;; Loops endlessly.
(module
  ;;@include standard
  (func $clear (result i32)
    (loop $again (br $again))
    unreachable))
