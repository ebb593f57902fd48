;; Writes 16 MiB to stdout in one call, more than the output limit.
(module
  ;;@include output
  ;;@include standard

  (func $clear (result i32)
    (drop (memory.grow (i32.const 256)))
    (call $write (call $get-stdout) (i32.const 131072) (i32.const 0x1000000) (i32.const 1080))
    (call $honest)))
