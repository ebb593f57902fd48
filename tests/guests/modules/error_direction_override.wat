;; Fails with a message whose direction marks would reorder the text around it.
(module
  ;;@include standard

  (data (i32.const 0) "paid \e2\80\ae eno\e2\80\a8on")
  (func $clear (result i32)
    (call $answer-error (i32.const 0) (i32.const 17))))
