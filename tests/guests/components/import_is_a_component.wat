;; Imports a component under the name of our types interface.
(component
  (import "rec:market/types@1.0.0" (component $types))
  (instance (instantiate $types)))
