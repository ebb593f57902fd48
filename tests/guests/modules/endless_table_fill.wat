;; Fills and copies a table in an endless loop.
(module
  ;;@include standard

  (table $table 100000 funcref)
  (func $clear (result i32)
    (loop $again
      (table.fill $table (i32.const 0) (ref.null func) (i32.const 100000))
      (table.copy $table $table (i32.const 1) (i32.const 0) (i32.const 99999))
      (br $again))
    unreachable))
