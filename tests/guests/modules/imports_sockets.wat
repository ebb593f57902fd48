;; Imports the network.
(module
  (import "wasi:sockets/instance-network@0.2.0" "instance-network" (func $wish (result i32)))
  ;;@include standard
  (func $clear (result i32)
    (drop (call $wish))
    (call $honest)))
