;; Answers honestly and traps while clearing up.
(module
  ;;@include standard
  (func (export "cabi_post_clear") (param i32)
    unreachable)
  (func $clear (result i32)
    (call $honest)))
