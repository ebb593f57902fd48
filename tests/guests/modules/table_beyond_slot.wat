;; Grows a table beyond what the engine holds ready for it, but within its memory: no fault of the machine.
(module
  ;;@include standard

  (table $table 0 funcref)
  (func $clear (result i32)
    (drop (table.grow $table (ref.null func) (i32.const 2000000)))
    (call $honest)))
