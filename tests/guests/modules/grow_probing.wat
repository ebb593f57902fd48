;; Probes for available memory up to its own declared maximum, and handles -1.
(module
  (memory (export "memory") 2 8)
  (global $answer-area i32 (i32.const 1024))
  (global $trades-area i32 (i32.const 4096))
  ;;@include realloc
  ;;@include describe
  ;;@include clear
  ;;@include answer
  ;;@include trades
  ;;@include honest
  (table $table 1 2 funcref)
  (func $clear (result i32)
    (loop $again
      (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (if (i32.ne (table.grow $table (ref.null func) (i32.const 2)) (i32.const -1))
      (then unreachable))
    (call $honest)))
