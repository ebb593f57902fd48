;; Prints from `realloc`, while the host passes the round and calls are not allowed.
(module
  ;;@include output
  ;;@include memory
  ;;@include describe
  ;;@include clear
  ;;@include answer
  ;;@include trades
  ;;@include honest

  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (call $write (call $get-stdout) (i32.const 0) (i32.const 4) (i32.const 1080))
    (i32.const 65536))
  (func $clear (result i32)
    (call $honest)))
