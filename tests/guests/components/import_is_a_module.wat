;; Imports a core module under the name of our types interface, which the host would have to run for it.
(component
  (import "rec:market/types@1.0.0" (core module $types))
  (core instance (instantiate $types)))
