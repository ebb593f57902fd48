;; Prints one line each to stdout and stderr and clears honestly: the log has both.
(module
  ;;@include output
  ;;@include standard

  (data (i32.const 0) "one\0a")
  (data (i32.const 16) "two\0a")
  (func $clear (result i32)
    (call $write (call $get-stdout) (i32.const 0) (i32.const 4) (i32.const 1080))
    (call $write (call $get-stderr) (i32.const 16) (i32.const 4) (i32.const 1080))
    (call $honest)))
