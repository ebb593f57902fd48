;; Has table elements outside its table.
(module
  ;;@include standard
  (table $table 1 funcref)
  (elem (table $table) (i32.const 1) func $party)
  (func $clear (result i32)
    (call $honest)))
