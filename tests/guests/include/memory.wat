  ;; One memory. Below 1 KiB: a guest's texts. At 1 KiB: answers. From 4 KiB: trades. From 64 KiB: what the host hands in.
  (memory (export "memory") 2)
  (global $answer-area i32 (i32.const 1024))
  (global $trades-area i32 (i32.const 4096))
