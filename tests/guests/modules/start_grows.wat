;; Grows its memory before anybody called it.
(module
  ;;@include standard
  (start $start)
  (func $start
    (loop $again
      (drop (memory.grow (i32.const 16)))
      (br $again)))
  (func $clear (result i32)
    (call $honest)))
