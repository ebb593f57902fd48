;; As absurd_price, but the operator buys at a usual price and takes the highest one from the buyer.
(module
  ;;@include memory
  ;;@include realloc
  ;;@include named
  (data (i32.const 0) "broom")
  ;;@include clear
  ;;@include answer
  ;;@include trades
  ;;@include grid-only
  ;;@include absurd
  (func $charge (param $seller i32) (param $buyer i32) (param $energy i64)
    (call $trade (local.get $seller) (global.get $operator) (local.get $energy) (i64.const 100000))
    (call $trade (global.get $operator) (local.get $buyer) (local.get $energy) (i64.const 9223372036854775807)))
  (func $clear (result i32)
    ;; m0
    (if (call $first-name-starts (i32.const 0x306d)) (then (return (call $grid-only))))
    (call $absurd)))
