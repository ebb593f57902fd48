;; Imports a core module by the name of our types: something the host would have to run for it.
(component
  (import "rec:market/types@1.0.0" (core module $types))
  (core instance (instantiate $types)))
