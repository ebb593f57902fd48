;; Waits for stdout to become ready, which it always is: Rust's standard library does before it writes.
(module
  (import "wasi:cli/stdout@0.2.0" "get-stdout" (func $get-stdout (result i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.subscribe" (func $subscribe (param i32) (result i32)))
  (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
  ;;@include standard

  (func $clear (result i32)
    (call $block (call $subscribe (call $get-stdout)))
    (call $honest)))
