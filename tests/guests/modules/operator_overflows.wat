;; Lets the operator pay the highest price for the most energy repeatedly, until a 128-bit sum would wrap.
(module
  ;;@include standard
  (func $clear (result i32)
    (call $trade (i32.const 0) (global.get $operator) (i64.const -1) (i64.const 9223372036854775807))
    (call $trade (i32.const 0) (global.get $operator) (i64.const -1) (i64.const 9223372036854775807))
    (call $trade (i32.const 0) (global.get $operator) (i64.const -1) (i64.const 9223372036854775807))
    (call $trade (i32.const 0) (global.get $operator) (i64.const -1) (i64.const 9223372036854775807))
    (call $trade (i32.const 0) (global.get $operator) (i64.const -1) (i64.const 9223372036854775807))
    (call $trade (global.get $operator) (i32.const 1) (i64.const -1) (i64.const 9223372036854775807))
    (call $trade (global.get $operator) (i32.const 1) (i64.const -1) (i64.const 9223372036854775807))
    (call $trade (global.get $operator) (i32.const 1) (i64.const -1) (i64.const 9223372036854775807))
    (call $trade (global.get $operator) (i32.const 1) (i64.const -1) (i64.const 9223372036854775807))
    (call $trade (global.get $operator) (i32.const 1) (i64.const -1) (i64.const 9223372036854775807))
    (call $answer)))
