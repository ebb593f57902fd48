;; Imports an unknown interface.
(module
  (import "nobody:knows/this@0.1.0" "wish" (func $wish (result i64)))
  ;;@include standard
  (func $clear (result i32)
    (drop (call $wish))
    (call $honest)))
