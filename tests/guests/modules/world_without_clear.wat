;; Says what it is and cannot clear.
;;@world no-clear
(module
  ;;@include memory
  ;;@include describe
)
