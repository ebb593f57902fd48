;; Answers with a list at the end of the address space, so that a careless sum wraps.
(module
  ;;@include standard
  (func $clear (result i32)
    (call $answer-list (i32.const -32) (i32.const 2))))
