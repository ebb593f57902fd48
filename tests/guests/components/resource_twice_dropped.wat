;; Drops the same resource twice.
(component
  ;;@include types
  (type $thing (resource (rep i32)))
  (core func $new (canon resource.new $thing))
  (core func $drop (canon resource.drop $thing))
  (core module $Drops
    (import "host" "new" (func $new (param i32) (result i32)))
    (import "host" "drop" (func $drop (param i32)))
    ;;@include standard
    (func $clear (result i32)
      (local $thing i32)
      (local.set $thing (call $new (i32.const 7)))
      (call $drop (local.get $thing))
      (call $drop (local.get $thing))
      (call $honest)))
  (core instance $core
    (instantiate $Drops (with "host" (instance (export "new" (func $new)) (export "drop" (func $drop))))))
  ;;@include lift
)
