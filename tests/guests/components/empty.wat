;; An empty component.
(component
)
