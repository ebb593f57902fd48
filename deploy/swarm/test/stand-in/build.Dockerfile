# Stands in for the Rust image where no image can be pulled: a shell, and a cargo that returns the program built before.
FROM scratch
COPY shell /
COPY program.libraries /
COPY program /prebuilt/rec-market
COPY build.cargo /bin/cargo
COPY build.rustup /bin/rustup
