;; Grows many memories a little each: none is large, but the total is.
(module
  ;;@include standard

  (memory $a 0) (memory $b 0) (memory $c 0) (memory $d 0) (memory $e 0)
  (memory $f 0) (memory $g 0) (memory $h 0) (memory $i 0) (memory $j 0)
  (func $clear (result i32)
    (loop $again
      (drop (memory.grow $a (i32.const 4)))
      (drop (memory.grow $b (i32.const 4)))
      (drop (memory.grow $c (i32.const 4)))
      (drop (memory.grow $d (i32.const 4)))
      (drop (memory.grow $e (i32.const 4)))
      (drop (memory.grow $f (i32.const 4)))
      (drop (memory.grow $g (i32.const 4)))
      (drop (memory.grow $h (i32.const 4)))
      (drop (memory.grow $i (i32.const 4)))
      (drop (memory.grow $j (i32.const 4)))
      (br $again))
    unreachable))
