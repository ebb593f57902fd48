;; Has a name that is not UTF-8.
(module
  ;;@include memory
  ;;@include realloc
  ;;@include clear
  ;;@include answer
  ;;@include trades
  ;;@include honest
  (func (export "describe") (result i32)
    (memory.fill (i32.const 1040) (i32.const 0) (i32.const 32))
    (i32.store8 (i32.const 0) (i32.const 0xff))
    (i32.store (i32.const 1044) (i32.const 1))
    (i32.const 1040))
  (func $clear (result i32)
    (call $honest)))
