;; Uses garbage-collected objects.
(module
  ;;@include standard
  (type $pair (struct (field i32 i32)))
  (func $clear (result i32)
    (drop (struct.new $pair (i32.const 1) (i32.const 2)))
    (call $honest)))
