;; Grows to 10 MiB and writes to every page: allowed, and released after the run.
(module
  ;;@include standard

  (func $clear (result i32)
    (drop (memory.grow (i32.const 160)))
    (memory.fill (i32.const 131072) (i32.const 0xff) (i32.const 0xa00000))
    (call $honest)))
