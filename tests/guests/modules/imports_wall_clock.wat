;; Imports the wall clock.
(module
  (import "wasi:clocks/wall-clock@0.2.0" "now" (func $wish (param i32)))
  ;;@include standard
  (func $clear (result i32)
    (call $wish (i32.const 1080))
    (call $honest)))
