;; Imports a component by the name of our types.
(component
  (import "rec:market/types@1.0.0" (component $types))
  (instance (instantiate $types)))
