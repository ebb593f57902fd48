;; Reads 2 GiB beyond its memory, in the guard region.
(module
  ;;@include standard
  (func $clear (result i32)
    (i32.load offset=0x7fffffff (i32.const 0x7fffffff))))
