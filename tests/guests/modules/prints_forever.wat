;; Floods stdout, 64 KiB at a time: the log must not grow, and the copies must cost fuel.
(module
  ;;@include output
  ;;@include standard

  (func $clear (result i32)
    (local $stdout i32)
    (local.set $stdout (call $get-stdout))
    (loop $again
      (call $write (local.get $stdout) (i32.const 65536) (i32.const 65536) (i32.const 1080))
      (br $again))
    unreachable))
