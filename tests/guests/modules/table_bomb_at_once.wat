;; Grows a table by four billion elements at once.
(module
  ;;@include standard

  (table $table 0 funcref)
  (func $clear (result i32)
    (drop (table.grow $table (ref.null func) (i32.const -1)))
    (call $honest)))
