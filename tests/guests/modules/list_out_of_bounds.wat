;; Answers with a list that begins in its memory and ends behind it.
(module
  ;;@include standard
  (func $clear (result i32)
    (call $answer-list (i32.const 131040) (i32.const 2))))
