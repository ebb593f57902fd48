;; Sells to the grid above the feed-in tariff.
(module
  ;;@include standard
  (func $clear (result i32)
    (call $trade (i32.const 0) (global.get $grid) (i64.const 1200) (i64.const 30001))
    (call $trade (global.get $grid) (i32.const 1) (i64.const 900) (i64.const 162400))
    (call $trade (global.get $grid) (i32.const 2) (i64.const 500) (i64.const 162400))
    (call $answer)))
