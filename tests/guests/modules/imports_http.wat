;; Imports outgoing HTTP.
(module
  (import "wasi:http/outgoing-handler@0.2.0" "handle" (func $wish (param i32 i32 i32)))
  ;;@include standard
  (func $clear (result i32)
    (call $wish (i32.const 0) (i32.const 0) (i32.const 1080))
    (call $honest)))
