;; Copies a passive data segment in an endless loop.
(module
  ;;@include standard

  (data $text "0123456789abcdef")
  (func $clear (result i32)
    (loop $again
      (memory.init $text (i32.const 65536) (i32.const 0) (i32.const 16))
      (br $again))
    unreachable))
