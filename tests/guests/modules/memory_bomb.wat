;; Grows its memory endlessly.
(module
  ;;@include standard
  (func $clear (result i32)
    (loop $again
      (drop (memory.grow (i32.const 16)))
      (br $again))
    unreachable))
