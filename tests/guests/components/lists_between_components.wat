;; Passes a list of 1 MiB from one inner component to another, again and again: each element costs fuel.
(component
  ;;@include types
  (component $Listener
    (core module $Listens
      (memory (export "memory") 40)
      (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (i32.const 16))
      (func (export "listen") (param i32 i32)))
    (core instance $core (instantiate $Listens))
    (func (export "listen") (param "bytes" (list u8))
      (canon lift (core func $core "listen") (memory (core memory $core "memory"))
        (realloc (core func $core "cabi_realloc")))))
  (component $Talker
    ;;@include types
    (import "listen" (func $listen' (param "bytes" (list u8))))
    (core module $Text
      (memory (export "memory") 40))
    (core instance $text (instantiate $Text))
    (core func $listen (canon lower (func $listen') (memory (core memory $text "memory"))))
    (core module $Talks
      (import "listener" "listen" (func $listen (param i32 i32)))
      ;;@include standard
      (func $clear (result i32)
        (loop $again
          (call $listen (i32.const 0) (i32.const 0x100000))
          (br $again))
        unreachable))
    (core instance $core
      (instantiate $Talks (with "listener" (instance (export "listen" (func $listen))))))
    ;;@include lift
  )
  (instance $listener (instantiate $Listener))
  (instance $talker (instantiate $Talker
    (with "rec:market/types@1.0.0" (instance $types)) (with "listen" (func $listener "listen"))))
  (export "describe" (func $talker "describe"))
  (export "clear" (func $talker "clear")))
