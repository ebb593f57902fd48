;; Is built for a version of the interface that we do not know.
;;@world next-version
(module
  ;;@include memory
  ;;@include realloc
  (func (export "describe") (result i32)
    (memory.fill (i32.const 1040) (i32.const 0) (i32.const 8))
    (i32.const 1040))
  (func (export "clear") (param i32 i32) (result i32)
    (i32.const 1024)))
