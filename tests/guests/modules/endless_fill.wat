;; Fills memory in an endless loop: one instruction that writes 1 MiB must cost more than an addition.
(module
  ;;@include standard
  (func $clear (result i32)
    (drop (memory.grow (i32.const 16)))
    (loop $again
      (memory.fill (i32.const 65536) (i32.const 7) (i32.const 0x100000))
      (br $again))
    unreachable))
