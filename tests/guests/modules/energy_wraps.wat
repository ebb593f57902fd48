;; Sells 2^64-1 Wh and 901 Wh more, which a sum of 64 bits takes for 900.
(module
  ;;@include standard
  (func $clear (result i32)
    (call $trade (i32.const 0) (i32.const 1) (i64.const -1) (i64.const 100000))
    (call $trade (i32.const 0) (i32.const 1) (i64.const 901) (i64.const 100000))
    (call $trade (i32.const 0) (i32.const 2) (i64.const 300) (i64.const 100000))
    (call $trade (global.get $grid) (i32.const 2) (i64.const 200) (i64.const 162400))
    (call $answer)))
