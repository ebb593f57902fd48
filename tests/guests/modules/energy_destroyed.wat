;; Leaves some of the seller's energy unsold and the buyer's need uncovered.
(module
  ;;@include standard
  (func $clear (result i32)
    (call $trade (i32.const 0) (i32.const 1) (i64.const 900) (i64.const 100000))
    (call $answer)))
