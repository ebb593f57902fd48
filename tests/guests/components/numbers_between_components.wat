;; Passes numbers from one inner component to another.
(component
  ;;@include types
  (component $Adder
    (core module $Adds
      (func (export "add") (param i64 i64) (result i64)
        (i64.add (local.get 0) (local.get 1))))
    (core instance $core (instantiate $Adds))
    (func (export "add") (param "a" u64) (param "b" u64) (result u64) (canon lift (core func $core "add"))))
  (component $Asker
    ;;@include types
    (import "add" (func $add' (param "a" u64) (param "b" u64) (result u64)))
    (core func $add (canon lower (func $add')))
    (core module $Asks
      (import "adder" "add" (func $add (param i64 i64) (result i64)))
      ;;@include standard
      (func $clear (result i32)
        (if (i64.ne (call $add (i64.const 2) (i64.const 3)) (i64.const 5))
          (then unreachable))
        (call $honest)))
    (core instance $core
      (instantiate $Asks (with "adder" (instance (export "add" (func $add))))))
    ;;@include lift
  )
  (instance $adder (instantiate $Adder))
  (instance $asker (instantiate $Asker
    (with "rec:market/types@1.0.0" (instance $types)) (with "add" (func $adder "add"))))
  (export "describe" (func $asker "describe"))
  (export "clear" (func $asker "clear")))
