;; Has one more kind of party.
;;@world extra-party
(module
  ;;@include standard
  (func $clear (result i32)
    (call $honest)))
