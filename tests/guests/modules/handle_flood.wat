;; Opens stdout endlessly without closing it: each handle takes a little host memory.
(module
  (import "wasi:cli/stdout@0.2.0" "get-stdout" (func $get-stdout (result i32)))
  ;;@include standard

  (func $clear (result i32)
    (loop $again
      (drop (call $get-stdout))
      (br $again))
    unreachable))
