;; Fails with a message that would clear a terminal and forge a log line.
(module
  ;;@include standard

  (data (i32.const 0) "\1b[2J\1b[H no\0d\0aINFO all is well\00\07")
  (func $clear (result i32)
    (call $answer-error (i32.const 0) (i32.const 31))))
