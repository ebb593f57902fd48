;; Writes bytes from beyond its memory to stdout.
(module
  ;;@include output
  ;;@include standard

  (func $clear (result i32)
    (call $write (call $get-stdout) (i32.const 131071) (i32.const 2) (i32.const 1080))
    (call $honest)))
