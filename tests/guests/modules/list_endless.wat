;; Answers with a list of four billion trades that is not there.
(module
  ;;@include standard
  (func $clear (result i32)
    (call $answer-list (i32.const 4096) (i32.const -1))))
