;; Trades everything with the grid and describes itself: passes the gate.
(module
  ;;@include memory
  ;;@include realloc
  ;;@include named
  ;;@include clear
  ;;@include answer
  ;;@include trades
  ;;@include grid-only
  (func $clear (result i32)
    (call $grid-only)))
