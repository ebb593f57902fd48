;; Returns a description beyond its memory.
(module
  ;;@include memory
  ;;@include realloc
  ;;@include clear
  ;;@include answer
  ;;@include trades
  ;;@include honest
  (func (export "describe") (result i32)
    (i32.const -16))
  (func $clear (result i32)
    (call $honest)))
