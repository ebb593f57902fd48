;; Creates a stream between tasks.
(component
  (type $bytes (stream u8))
  (core func $new (canon stream.new $bytes)))
