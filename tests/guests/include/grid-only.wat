  ;; Trades everything with the grid at each member's own tariff: balances in any round of up to a thousand positions.
  (func $grid-only (result i32)
    (local $index i32) (local $at i32)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $index) (global.get $positions-count)))
        (local.set $at (i32.add (global.get $positions) (i32.mul (local.get $index) (i32.const 64))))
        (if (i64.ne (i64.load offset=8 (local.get $at)) (i64.const 0))
          (then (call $trade (local.get $index) (global.get $grid)
            (i64.load offset=8 (local.get $at)) (i64.load offset=48 (local.get $at)))))
        (if (i64.ne (i64.load offset=16 (local.get $at)) (i64.const 0))
          (then (call $trade (global.get $grid) (local.get $index)
            (i64.load offset=16 (local.get $at)) (i64.load offset=40 (local.get $at)))))
        (local.set $index (i32.add (local.get $index) (i32.const 1)))
        (br $next)))
    (call $answer))
