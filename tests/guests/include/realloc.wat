  ;; A bump allocator that grows the memory as needed.
  (global $free (mut i32) (i32.const 65536))
  (func (export "cabi_realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
    (local $start i32)
    ;; start = free rounded up to align
    (local.set $start
      (i32.and
        (i32.add (global.get $free) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    (global.set $free (i32.add (local.get $start) (local.get $size)))
    (block $enough
      (br_if $enough
        (i32.le_u (global.get $free) (i32.mul (memory.size) (i32.const 65536))))
      (br_if $enough
        (i32.ne
          (memory.grow
            (i32.add
              (i32.sub
                (i32.div_u (global.get $free) (i32.const 65536))
                (memory.size))
              (i32.const 1)))
          (i32.const -1)))
      unreachable)
    (local.get $start))
