;; Returns an address at the end of the address space from `realloc`, where a careless sum would wrap.
(module
  ;;@include memory
  ;;@include describe
  ;;@include clear
  ;;@include answer
  ;;@include trades
  ;;@include honest
  (func $realloc (export "cabi_realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
    (i32.const -8))
  (func $clear (result i32)
    (call $honest)))
