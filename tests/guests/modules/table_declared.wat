;; Asks for a table of ten million before its first instruction.
(module
  ;;@include standard

  (table $table 10000000 funcref)
  (func $clear (result i32)
    (call $honest)))
