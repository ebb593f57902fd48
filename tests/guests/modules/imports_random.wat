;; Imports randomness.
(module
  (import "wasi:random/random@0.2.0" "get-random-u64" (func $wish (result i64)))
  ;;@include standard
  (func $clear (result i32)
    (drop (call $wish))
    (call $honest)))
