;; Describes itself but cannot clear.
;;@world no-clear
(module
  ;;@include memory
  ;;@include describe
)
