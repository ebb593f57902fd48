;; Traps in `describe`.
(module
  ;;@include memory
  ;;@include realloc
  ;;@include clear
  ;;@include answer
  ;;@include trades
  ;;@include honest
  (func (export "describe") (result i32)
    unreachable)
  (func $clear (result i32)
    (call $honest)))
