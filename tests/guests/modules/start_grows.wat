;; Grows its memory in the start function, before any call.
(module
  ;;@include standard
  (start $start)
  (func $start
    (loop $again
      (drop (memory.grow (i32.const 16)))
      (br $again)))
  (func $clear (result i32)
    (call $honest)))
