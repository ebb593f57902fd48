# Stands in for the distroless image: only the libraries that the program links to.
FROM scratch
COPY program.libraries /
