;; Has a 64-bit memory.
(module
  ;;@include standard
  (memory $large i64 1)
  (func $clear (result i32)
    (call $honest)))
