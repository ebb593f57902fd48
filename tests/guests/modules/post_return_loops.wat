;; Returns an honest result and then loops in post-return.
(module
  ;;@include standard
  (func (export "cabi_post_clear") (param i32)
    (loop $again (br $again)))
  (func $clear (result i32)
    (call $honest)))
