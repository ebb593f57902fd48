;; Uses the bits of NaNs as prices, which differ between machines unless they are canonicalised.
(module
  ;;@include standard
  (func $clear (result i32)
    (call $trade (i32.const 0) (i32.const 1) (i64.const 900)
      (i64.reinterpret_f64 (f64.div (f64.const 0) (f64.const 0))))
    (call $trade (i32.const 0) (i32.const 2) (i64.const 300)
      (i64.extend_i32_s (i32.reinterpret_f32 (f32.sqrt (f32.const -1)))))
    (call $trade (global.get $grid) (i32.const 2) (i64.const 200) (i64.const 162400))
    (call $answer)))
