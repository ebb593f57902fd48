;; Returns an honest result and then traps in post-return.
(module
  ;;@include standard
  (func (export "cabi_post_clear") (param i32)
    unreachable)
  (func $clear (result i32)
    (call $honest)))
