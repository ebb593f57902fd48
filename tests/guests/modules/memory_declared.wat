;; Asks for 1 GiB before its first instruction.
(module
  ;;@include standard

  (memory $large 16384)
  (func $clear (result i32)
    (call $honest)))
