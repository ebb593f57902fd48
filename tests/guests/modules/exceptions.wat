;; Throws an exception from its only function.
(module
  ;;@include standard
  (tag $tag)
  (func $clear (result i32)
    (throw $tag)))
