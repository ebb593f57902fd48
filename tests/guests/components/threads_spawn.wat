;; Starts a thread.
(component
  (core type $run (func (param i32)))
  (core func $spawn (canon thread.spawn-ref $run)))
