;; Grows a table beyond the engine's slot, but within the memory limit: not the machine's fault.
(module
  ;;@include standard

  (table $table 0 funcref)
  (func $clear (result i32)
    (drop (table.grow $table (ref.null func) (i32.const 2000000)))
    (call $honest)))
