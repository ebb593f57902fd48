;; Exports a component where functions are expected.
(component
  (component $Empty)
  (export "describe" (component $Empty))
  (export "clear" (component $Empty)))
