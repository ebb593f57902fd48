;; Writes half a character and terminal escapes to stdout, then traps: the failure quotes the log on one line.
(module
  ;;@include output
  ;;@include standard

  (data (i32.const 0) "\1b[2J\ffa\0d\0ab\00")
  (func $clear (result i32)
    (call $write (call $get-stdout) (i32.const 0) (i32.const 10) (i32.const 1080))
    unreachable))
