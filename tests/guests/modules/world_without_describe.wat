;; Clears but does not describe itself.
;;@world no-describe
(module
  ;;@include memory
  ;;@include realloc
  ;;@include clear
  ;;@include answer
  ;;@include trades
  ;;@include honest
  (func $clear (result i32)
    (call $honest)))
