;; Answers honestly and never finishes clearing up.
(module
  ;;@include standard
  (func (export "cabi_post_clear") (param i32)
    (loop $again (br $again)))
  (func $clear (result i32)
    (call $honest)))
