;; Throws an exception out of its only function.
(module
  ;;@include standard
  (tag $tag)
  (func $clear (result i32)
    (throw $tag)))
