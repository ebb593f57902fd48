;; Has a memory with pages of one byte.
(module
  ;;@include standard
  (memory $bytes 1 (pagesize 1))
  (func $clear (result i32)
    (call $honest)))
