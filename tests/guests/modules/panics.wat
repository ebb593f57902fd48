;; Behaves like a panic: writes a message to stderr and traps.
(module
  ;;@include output
  ;;@include standard

  (data (i32.const 0) "panicked at src/lib.rs:7:9: index out of bounds")
  (func $clear (result i32)
    (call $write (call $get-stderr) (i32.const 0) (i32.const 47) (i32.const 1080))
    unreachable))
