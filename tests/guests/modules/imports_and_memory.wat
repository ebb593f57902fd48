;; Imports the file system, and declares 1 GiB of memory.
(module
  (import "wasi:filesystem/preopens@0.2.0" "get-directories" (func $wish (param i32)))
  ;;@include standard
  (memory $large 16384)
  (func $clear (result i32)
    (call $wish (i32.const 1080))
    (call $honest)))
