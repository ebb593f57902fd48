# Stands in for the distroless image: the libraries that the program names, and nothing else.
FROM scratch
COPY program.libraries /
