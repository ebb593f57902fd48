;; Has a second parameter: 17 values, which the canonical ABI passes in memory.
;;@world extra-parameter
(module
  ;;@include memory
  ;;@include realloc
  ;;@include describe
  (func (export "clear") (param i32 i32 i64 i32 i64 i64 i32 i64 i32 i64 i64 i32 i32 i32 i32 i64) (result i32)
    (i32.const 1024)))
