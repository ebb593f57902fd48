;; Looks for secrets in the environment and the arguments. Clears honestly only if both are empty.
(module
  (import "wasi:cli/environment@0.2.0" "get-environment" (func $get-environment (param i32)))
  (import "wasi:cli/environment@0.2.0" "get-arguments" (func $get-arguments (param i32)))
  ;;@include standard

  (func $clear (result i32)
    (call $get-environment (i32.const 1080))
    (if (i32.load (i32.const 1084)) (then unreachable))
    (call $get-arguments (i32.const 1080))
    (if (i32.load (i32.const 1084)) (then unreachable))
    (call $honest)))
