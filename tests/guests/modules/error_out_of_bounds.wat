;; Fails with a message that ends behind its memory.
(module
  ;;@include standard
  (func $clear (result i32)
    (call $answer-error (i32.const 131071) (i32.const 2))))
