;; Lets the operator buy high and sell low.
(module
  ;;@include standard
  (func $clear (result i32)
    (call $trade (i32.const 0) (i32.const 1) (i64.const 900) (i64.const 100000))
    (call $trade (i32.const 0) (global.get $operator) (i64.const 300) (i64.const 100000))
    (call $trade (global.get $operator) (i32.const 2) (i64.const 300) (i64.const 99999))
    (call $trade (global.get $grid) (i32.const 2) (i64.const 200) (i64.const 162400))
    (call $answer)))
