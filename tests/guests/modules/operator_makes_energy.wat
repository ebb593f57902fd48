;; Lets the operator sell energy that it never bought.
(module
  ;;@include standard
  (func $clear (result i32)
    (call $trade (i32.const 0) (i32.const 1) (i64.const 900) (i64.const 100000))
    (call $trade (i32.const 0) (global.get $grid) (i64.const 300) (i64.const 30000))
    (call $trade (global.get $operator) (i32.const 2) (i64.const 500) (i64.const 100000))
    (call $answer)))
