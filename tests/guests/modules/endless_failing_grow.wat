;; Keeps asking for memory that its own maximum refuses: a failed attempt must cost fuel.
(module
  ;;@include standard
  (func $clear (result i32)
    (loop $again
      (drop (memory.grow (i32.const 65535)))
      (br $again))
    unreachable))
