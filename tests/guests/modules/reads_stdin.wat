;; Waits for input on stdin. Clears honestly only if the stream is closed.
(module
  (import "wasi:cli/stdin@0.2.0" "get-stdin" (func $get-stdin (result i32)))
  (import "wasi:io/streams@0.2.0" "[method]input-stream.blocking-read"
    (func $read (param $stream i32) (param $bytes i64) (param $result i32)))
  ;;@include standard

  (func $clear (result i32)
    (call $read (call $get-stdin) (i64.const -1) (i32.const 1080))
    ;; err(closed)
    (if (i32.or
          (i32.ne (i32.load8_u (i32.const 1080)) (i32.const 1))
          (i32.ne (i32.load8_u (i32.const 1084)) (i32.const 1)))
      (then unreachable))
    (call $honest)))
