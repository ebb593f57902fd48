;; Grows tables endlessly: tables take host memory too.
(module
  ;;@include standard

  (table $a 0 funcref) (table $b 0 funcref) (table $c 0 funcref)
  (table $d 0 funcref) (table $e 0 funcref) (table $f 0 funcref)
  (func $clear (result i32)
    (loop $again
      (drop (table.grow $a (ref.null func) (i32.const 1000)))
      (drop (table.grow $b (ref.null func) (i32.const 1000)))
      (drop (table.grow $c (ref.null func) (i32.const 1000)))
      (drop (table.grow $d (ref.null func) (i32.const 1000)))
      (drop (table.grow $e (ref.null func) (i32.const 1000)))
      (drop (table.grow $f (ref.null func) (i32.const 1000)))
      (br $again))
    unreachable))
