;; Is a component, and nothing besides.
(component
)
