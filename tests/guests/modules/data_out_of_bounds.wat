;; Has a data segment outside its memory.
(module
  ;;@include standard
  (data (i32.const 0x1fffff) "ab")
  (func $clear (result i32)
    (call $honest)))
