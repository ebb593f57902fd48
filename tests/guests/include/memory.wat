  ;; One memory. Below 1 KiB: a guest's strings. At 1 KiB: results. From 4 KiB: trades. From 64 KiB: the host's input.
  (memory (export "memory") 2)
  (global $answer-area i32 (i32.const 1024))
  (global $trades-area i32 (i32.const 4096))
