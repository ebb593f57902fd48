;; Asks over and over for memory that its own maximum refuses: a question that must cost something.
(module
  ;;@include standard
  (func $clear (result i32)
    (loop $again
      (drop (memory.grow (i32.const 65535)))
      (br $again))
    unreachable))
