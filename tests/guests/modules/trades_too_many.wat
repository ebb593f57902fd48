;; Returns more trades than a round of three positions may have, each of them well formed.
(module
  ;;@include standard
  (func $clear (result i32)
    (loop $again
      (call $trade (i32.const 0) (i32.const 1) (i64.const 1) (i64.const 100000))
      (br_if $again (i32.lt_u (global.get $trades) (i32.const 1037))))
    (call $answer)))
