# The image of rec-market: one binary and nothing else. Base images are arguments, so that a mirror or a
# test can replace them.
ARG BUILD_IMAGE=rust:1.95-bookworm
ARG RUN_IMAGE=gcr.io/distroless/cc-debian12

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY . .
RUN rustup target add wasm32-wasip2 && cargo build --release --locked --package rec-market

FROM ${RUN_IMAGE}
COPY --from=build /src/target/release/rec-market /usr/local/bin/rec-market
USER 10001:10001
WORKDIR /data
ENTRYPOINT ["/usr/local/bin/rec-market"]
CMD ["--help"]
