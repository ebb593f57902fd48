  ;;@include memory
  ;;@include realloc
  ;;@include describe
  ;;@include clear
  ;;@include answer
  ;;@include trades
  ;;@include honest
