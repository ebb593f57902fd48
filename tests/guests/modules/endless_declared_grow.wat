;; Keeps asking for more than the maximum that its memory declares: it gets -1, and each attempt costs fuel.
(module
  (memory (export "memory") 2 2)
  (global $answer-area i32 (i32.const 1024))
  ;;@include realloc
  ;;@include describe
  ;;@include clear
  (func $clear (result i32)
    (loop $again
      (drop (memory.grow (i32.const 1)))
      (br $again))
    unreachable))
