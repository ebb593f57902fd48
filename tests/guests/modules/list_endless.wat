;; Returns a list that claims four billion trades.
(module
  ;;@include standard
  (func $clear (result i32)
    (call $answer-list (i32.const 4096) (i32.const -1))))
