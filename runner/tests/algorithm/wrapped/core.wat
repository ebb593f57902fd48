;; A core module as compilers write them, for the world `algorithm`: trades with the grid alone. The test puts further imports,
;; data and what `$before` does in place of the comments with a @.
(module
  ;;@imports
  (memory (export "memory") 2)
  ;; Until 1 KiB texts and scratch, then results, from 4 KiB trades, from 64 KiB what the host allocates.
  ;;@data
  (global $free (mut i32) (i32.const 65536))
  (func (export "cabi_realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
    (local $start i32)
    (local.set $start (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $start) (local.get $size)))
    (block $enough
      (br_if $enough (i32.le_u (global.get $free) (i32.mul (memory.size) (i32.const 65536))))
      (br_if $enough (i32.ne (memory.grow (i32.add (i32.div_u (local.get $size) (i32.const 65536)) (i32.const 1))) (i32.const -1)))
      unreachable)
    (local.get $start))

  (func $text (param $at i32) (param $text i32) (param $length i32)
    (i32.store (local.get $at) (local.get $text))
    (i32.store offset=4 (local.get $at) (local.get $length)))

  ;; Texts are at 256, 320 and 384; their lengths are in the encoding's own units.
  (func (export "describe") (result i32)
    (call $text (i32.const 1040) (i32.const 256) (i32.const 7))
    (call $text (i32.const 1048) (i32.const 320) (i32.const 5))
    (call $text (i32.const 1056) (i32.const 384) (i32.const 15))
    (call $text (i32.const 1064) (i32.const 0) (i32.const 0))
    (i32.const 1040))

  (func $expect (param $is-right i32)
    (if (i32.eqz (local.get $is-right)) (then unreachable)))
  (func $before
    ;;@before
  )

  (func $trade (param $at i32) (param $seller i32) (param $buyer i32) (param $energy i64) (param $price i64)
    (i32.store (local.get $at) (select (i32.const 2) (i32.const 0) (i32.ge_s (local.get $seller) (i32.const 0))))
    (i32.store offset=4 (local.get $at) (local.get $seller))
    (i32.store offset=8 (local.get $at) (select (i32.const 2) (i32.const 0) (i32.ge_s (local.get $buyer) (i32.const 0))))
    (i32.store offset=12 (local.get $at) (local.get $buyer))
    (i64.store offset=16 (local.get $at) (local.get $energy))
    (i64.store offset=24 (local.get $at) (local.get $price)))

  (func (export "clear")
    (param i32 i32 i64 i32 i64 i64 i32 i64 i32 i64 i64 i32 i32) (param $position i32) (param $count i32) (result i32)
    (local $index i32) (local $trades i32)
    (call $before)
    (local.set $trades (i32.const 4096))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $index) (local.get $count)))
        (if (i64.ne (i64.load offset=8 (local.get $position)) (i64.const 0)) (then
          (call $trade (local.get $trades) (local.get $index) (i32.const -1)
            (i64.load offset=8 (local.get $position)) (i64.load offset=48 (local.get $position)))
          (local.set $trades (i32.add (local.get $trades) (i32.const 32)))))
        (if (i64.ne (i64.load offset=16 (local.get $position)) (i64.const 0)) (then
          (call $trade (local.get $trades) (i32.const -1) (local.get $index)
            (i64.load offset=16 (local.get $position)) (i64.load offset=40 (local.get $position)))
          (local.set $trades (i32.add (local.get $trades) (i32.const 32)))))
        (local.set $position (i32.add (local.get $position) (i32.const 64)))
        (local.set $index (i32.add (local.get $index) (i32.const 1)))
        (br $next)))
    (i32.store (i32.const 1024) (i32.const 0))
    (call $text (i32.const 1028) (i32.const 4096)
      (i32.div_u (i32.sub (local.get $trades) (i32.const 4096)) (i32.const 32)))
    (i32.const 1024)))
