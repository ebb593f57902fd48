;; Leaves energy of the seller unsold and the buyer in the dark.
(module
  ;;@include standard
  (func $clear (result i32)
    (call $trade (i32.const 0) (i32.const 1) (i64.const 900) (i64.const 100000))
    (call $answer)))
