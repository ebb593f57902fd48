;; Calls a function through a table with the wrong type.
(module
  ;;@include standard

  (table $table 1 funcref)
  (elem (table $table) (i32.const 0) func $party)
  (func $clear (result i32)
    (call_indirect $table (result i32) (i32.const 0))))
