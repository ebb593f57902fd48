  ;; The honest result for the tests' round: anna (0) has 1200 Wh, bert (1) needs 900 Wh, cleo (2) needs 500 Wh.
  (func $honest (result i32)
    (call $trade (i32.const 0) (i32.const 1) (i64.const 900) (i64.const 100000))
    (call $trade (i32.const 0) (i32.const 2) (i64.const 300) (i64.const 100000))
    (call $trade (global.get $grid) (i32.const 2) (i64.const 200) (i64.const 162400))
    (call $answer))
