;; Creates its own resources endlessly without dropping any: each takes a little host memory.
(component
  ;;@include types
  (type $thing (resource (rep i32)))
  (core func $new (canon resource.new $thing))
  (core module $Flood
    (import "host" "new" (func $new (param i32) (result i32)))
    ;;@include standard
    (func $clear (result i32)
      (loop $again
        (drop (call $new (i32.const 7)))
        (br $again))
      unreachable))
  (core instance $core (instantiate $Flood (with "host" (instance (export "new" (func $new))))))
  ;;@include lift
)
