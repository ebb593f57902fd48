;; Copies overlapping memory in an endless loop.
(module
  ;;@include standard
  (func $clear (result i32)
    (drop (memory.grow (i32.const 16)))
    (loop $again
      (memory.copy (i32.const 65536) (i32.const 65537) (i32.const 0xfffff))
      (br $again))
    unreachable))
