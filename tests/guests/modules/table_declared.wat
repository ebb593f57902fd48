;; Declares a table of ten million elements.
(module
  ;;@include standard

  (table $table 10000000 funcref)
  (func $clear (result i32)
    (call $honest)))
