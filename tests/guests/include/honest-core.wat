  ;; An honest core module, ready to be lifted.
  (core module $Honest
    ;;@include standard
    (func $clear (result i32)
      (call $honest)))
