;; Has a name of 1 MB.
(module
  ;;@include memory
  ;;@include realloc
  ;;@include clear
  ;;@include answer
  ;;@include trades
  ;;@include honest
  (func (export "describe") (result i32)
    (drop (memory.grow (i32.const 20)))
    (memory.fill (i32.const 1040) (i32.const 0) (i32.const 32))
    (i32.store (i32.const 1044) (i32.const 1000000))
    (i32.const 1040))
  (func $clear (result i32)
    (call $honest)))
