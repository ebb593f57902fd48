;; Divides endlessly with practically unlimited fuel: only the deadline can stop it.
(module
  ;;@include standard
  (func $clear (result i32)
    (local $x i64)
    (local.set $x (i64.const -1))
    (loop $again
      (local.set $x (i64.sub (i64.const -1) (i64.div_u (local.get $x) (i64.const 3))))
      (br $again))
    unreachable))
