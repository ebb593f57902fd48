;; Trades everything with the grid and says what it is: passes the gate.
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
