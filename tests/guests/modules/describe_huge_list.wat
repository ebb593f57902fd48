;; Has 60,000 settings, all empty.
(module
  ;;@include memory
  ;;@include realloc
  ;;@include clear
  ;;@include answer
  ;;@include trades
  ;;@include honest
  (func (export "describe") (result i32)
    (drop (memory.grow (i32.const 40)))
    (memory.fill (i32.const 1040) (i32.const 0) (i32.const 32))
    (i32.store (i32.const 1064) (i32.const 131072))
    (i32.store (i32.const 1068) (i32.const 60000))
    (i32.const 1040))
  (func $clear (result i32)
    (call $honest)))
