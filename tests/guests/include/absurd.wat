  ;; Lets one pair of members trade as much as it can, as $charge does it, and trades the rest with the grid.
  (func $at (param $index i32) (result i32)
    (i32.add (global.get $positions) (i32.mul (local.get $index) (i32.const 64))))

  ;; Returns the first position but $not with energy at this offset: 8 for a surplus, 16 for a deficit; -1 if none has.
  (func $first (param $offset i32) (param $not i32) (result i32)
    (local $index i32)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $index) (global.get $positions-count)))
        (if (i32.and
              (i32.ne (local.get $index) (local.get $not))
              (i64.ne (i64.load (i32.add (call $at (local.get $index)) (local.get $offset))) (i64.const 0)))
          (then (return (local.get $index))))
        (local.set $index (i32.add (local.get $index) (i32.const 1)))
        (br $next)))
    (i32.const -1))

  ;; Takes energy away from what a position has left at this address.
  (func $take (param $at i32) (param $energy i64)
    (i64.store (local.get $at) (i64.sub (i64.load (local.get $at)) (local.get $energy))))

  (func $absurd (result i32)
    (local $seller i32) (local $buyer i32) (local $surplus i64) (local $deficit i64) (local $energy i64)
    (local.set $seller (call $first (i32.const 8) (i32.const -1)))
    (local.set $buyer (call $first (i32.const 16) (local.get $seller)))
    (if (i32.and (i32.ge_s (local.get $seller) (i32.const 0)) (i32.ge_s (local.get $buyer) (i32.const 0)))
      (then
        (local.set $surplus (i64.load offset=8 (call $at (local.get $seller))))
        (local.set $deficit (i64.load offset=16 (call $at (local.get $buyer))))
        (local.set $energy
          (select (local.get $surplus) (local.get $deficit) (i64.lt_u (local.get $surplus) (local.get $deficit))))
        (call $charge (local.get $seller) (local.get $buyer) (local.get $energy))
        (call $take (i32.add (call $at (local.get $seller)) (i32.const 8)) (local.get $energy))
        (call $take (i32.add (call $at (local.get $buyer)) (i32.const 16)) (local.get $energy))))
    (call $grid-only))

  ;; Returns whether there are positions, and the first one's name starts with two letters of which these are the codes.
  (func $first-name-starts (param $letters i32) (result i32)
    (if (i32.eqz (global.get $positions-count)) (then (return (i32.const 0))))
    (i32.eq (local.get $letters) (i32.load16_u (i32.load (global.get $positions)))))
