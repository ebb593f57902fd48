;; Has a memory that is shared between threads.
(module
  ;;@include standard
  (memory $shared 1 1 shared)
  (func $clear (result i32)
    (call $honest)))
