;; Fails with a message that is not UTF-8.
(module
  ;;@include standard
  (data (i32.const 0) "abc\ff\fe")
  (func $clear (result i32)
    (call $answer-error (i32.const 0) (i32.const 5))))
