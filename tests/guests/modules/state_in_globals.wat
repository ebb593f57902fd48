;; Remembers calls in a global and in memory, and cheats from the second call on.
(module
  ;;@include standard

  (global $calls (mut i32) (i32.const 0))
  (func $clear (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (i32.store (i32.const 512) (i32.add (i32.load (i32.const 512)) (i32.const 1)))
    (if (i32.or
          (i32.gt_u (global.get $calls) (i32.const 1))
          (i32.gt_u (i32.load (i32.const 512)) (i32.const 1)))
      (then (call $trade (i32.const 0) (i32.const 1) (i64.const 1) (i64.const 100000))))
    (call $honest)))
