;; Panics with a 4 MB message.
(module
  ;;@include output
  ;;@include standard

  (func $clear (result i32)
    (local $round i32)
    (memory.fill (i32.const 65536) (i32.const 0x78) (i32.const 65536))
    (loop $again
      (call $write (call $get-stderr) (i32.const 65536) (i32.const 65536) (i32.const 1080))
      (local.set $round (i32.add (local.get $round) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $round) (i32.const 64))))
    unreachable))
