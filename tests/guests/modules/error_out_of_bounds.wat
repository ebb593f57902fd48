;; Fails with a message that extends beyond its memory.
(module
  ;;@include standard
  (func $clear (result i32)
    (call $answer-error (i32.const 131071) (i32.const 2))))
