;; Has a memory beyond 4 GiB.
(module
  ;;@include standard
  (memory $large i64 1)
  (func $clear (result i32)
    (call $honest)))
