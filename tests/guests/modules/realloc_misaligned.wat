;; Returns an odd address from `realloc`.
(module
  ;;@include memory
  ;;@include describe
  ;;@include clear
  ;;@include answer
  ;;@include trades
  ;;@include honest
  (func $realloc (export "cabi_realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
    (i32.const 70001))
  (func $clear (result i32)
    (call $honest)))
