;; Imports the monotonic clock.
(module
  (import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $wish (result i64)))
  ;;@include standard
  (func $clear (result i32)
    (drop (call $wish))
    (call $honest)))
