;; Trades with the grid alone until a member's name has only one letter, which no probe has, and then asks for the highest price.
(module
  ;;@include memory
  ;;@include realloc
  ;;@include named
  (data (i32.const 0) "sleep")
  ;;@include clear
  ;;@include answer
  ;;@include trades
  ;;@include grid-only
  ;;@include absurd
  (func $charge (param $seller i32) (param $buyer i32) (param $energy i64)
    (call $trade (local.get $seller) (local.get $buyer) (local.get $energy) (i64.const 9223372036854775807)))
  (func $clear (result i32)
    (if (i32.eqz (global.get $positions-count)) (then (return (call $grid-only))))
    ;; the length of a name, stored after its address
    (if (i32.ne (i32.const 1) (i32.load offset=4 (global.get $positions))) (then (return (call $grid-only))))
    (call $absurd)))
