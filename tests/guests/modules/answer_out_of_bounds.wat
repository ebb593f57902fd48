;; Returns an address beyond its memory.
(module
  ;;@include standard
  (func $clear (result i32)
    (i32.const 0x20000)))
