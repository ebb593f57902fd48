;; Declares 1 GiB of memory.
(module
  ;;@include standard

  (memory $large 16384)
  (func $clear (result i32)
    (call $honest)))
