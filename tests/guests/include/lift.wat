  ;; Both exports of our world, from core instance $core.
  (alias core export $core "memory" (core memory $memory))
  (alias core export $core "cabi_realloc" (core func $realloc))
  (func $describe (result $description) (canon lift (core func $core "describe") (memory $memory)))
  (func $clear (param "round" $round) (result (result (list $trade) (error string)))
    (canon lift (core func $core "clear") (memory $memory) (realloc $realloc)))
  (export "describe" (func $describe))
  (export "clear" (func $clear))
