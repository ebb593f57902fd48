;; Calls an empty element of a table.
(module
  ;;@include standard

  (table $table 4 funcref)
  (func $clear (result i32)
    (call_indirect $table (result i32) (i32.const 3))))
