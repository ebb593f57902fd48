;; Does nothing wrong in any round: each member trades with the grid only. Shows what large rounds need.
(module
  ;;@include standard

  (func $clear (result i32)
    (local $at i32) (local $index i32) (local $count i32) (local $list i32)
    ;; Room for two trades per position, after the host's input.
    (local.set $list
      (call $room (i32.mul (global.get $positions-count) (i32.const 64))))
    (global.set $list (local.get $list))
    (local.set $at (global.get $positions))
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $index) (global.get $positions-count)))
        (call $add (local.get $index) (global.get $grid) (i64.load offset=8 (local.get $at)) (i64.load offset=48 (local.get $at)))
        (call $add (global.get $grid) (local.get $index) (i64.load offset=16 (local.get $at)) (i64.load offset=40 (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (local.set $index (i32.add (local.get $index) (i32.const 1)))
        (br $next)))
    (call $answer-list (local.get $list) (global.get $added)))

  (global $list (mut i32) (i32.const 0))
  (global $added (mut i32) (i32.const 0))

  ;; Like $trade, but at $list, and does nothing for 0 Wh.
  (func $add (param $seller i32) (param $buyer i32) (param $energy i64) (param $price i64)
    (local $at i32)
    (if (i64.ne (local.get $energy) (i64.const 0))
      (then
        (local.set $at (i32.add (global.get $list) (i32.mul (global.get $added) (i32.const 32))))
        (call $party (local.get $at) (local.get $seller))
        (call $party (i32.add (local.get $at) (i32.const 8)) (local.get $buyer))
        (i64.store offset=16 (local.get $at) (local.get $energy))
        (i64.store offset=24 (local.get $at) (local.get $price))
        (global.set $added (i32.add (global.get $added) (i32.const 1))))))

  ;; Fresh memory after everything else.
  (func $room (param $bytes i32) (result i32)
    (i32.mul
      (memory.grow (i32.add (i32.div_u (local.get $bytes) (i32.const 65536)) (i32.const 1)))
      (i32.const 65536))))
