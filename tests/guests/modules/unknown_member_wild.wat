;; Trades with the highest possible index of a member.
(module
  ;;@include standard
  (func $clear (result i32)
    (call $trade (i32.const 0) (i32.const 2147483647) (i64.const 1200) (i64.const 100000))
    (call $trade (global.get $grid) (i32.const 1) (i64.const 900) (i64.const 162400))
    (call $trade (global.get $grid) (i32.const 2) (i64.const 500) (i64.const 162400))
    (call $answer)))
