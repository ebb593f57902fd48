;; Looks for data of other runs in untouched memory: returns the first byte that is not zero.
(module
  ;;@include standard

  (func $clear (result i32)
    (local $at i32) (local $end i32)
    ;; Only pages that this run has not touched.
    (local.set $at (i32.mul (memory.grow (i32.const 100)) (i32.const 65536)))
    (local.set $end (i32.mul (memory.size) (i32.const 65536)))
    (loop $next
      (if (i64.ne (i64.load (local.get $at)) (i64.const 0))
        (then unreachable))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $end))))
    (call $honest)))
