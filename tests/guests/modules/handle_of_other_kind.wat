;; Uses stdin where stdout is expected.
(module
  (import "wasi:cli/stdin@0.2.0" "get-stdin" (func $get-stdin (result i32)))
  ;;@include output
  ;;@include standard

  (func $clear (result i32)
    (call $write (call $get-stdin) (i32.const 0) (i32.const 4) (i32.const 1080))
    (call $honest)))
