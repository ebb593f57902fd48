;; Fails with a message of 16 MiB.
(module
  ;;@include standard
  (func $clear (result i32)
    (drop (memory.grow (i32.const 256)))
    (memory.fill (i32.const 131072) (i32.const 0x78) (i32.const 0x1000000))
    (call $answer-error (i32.const 131072) (i32.const 0x1000000))))
