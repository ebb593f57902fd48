# The image of rec-market: one binary and nothing else. Base images are build arguments, so that a mirror or a test can
# replace them. It builds with BuildKit and with the legacy builder.
ARG BUILD_IMAGE=rust:1.95-bookworm
ARG RUN_IMAGE=gcr.io/distroless/cc-debian12

# The workspace without its code: manifests, cargo's settings, and an empty program in place of every source file. Layers built
# from it stay cached until one of the first two changes, or a source file is added or removed.
FROM ${BUILD_IMAGE} AS outline
COPY . /outline
RUN cd /outline \
    && find . -type f ! -name '*.rs' ! -name Cargo.toml ! -name Cargo.lock ! -path './.cargo/*' -exec rm {} + \
    && find . -type f -name '*.rs' -exec sh -c 'for file; do printf "fn main() {\n}\n" > "$file"; done' sh {} +

FROM ${BUILD_IMAGE} AS build
ENV CARGO_TARGET_DIR=/target
RUN rustup target add wasm32-wasip2
# Dependencies first: wasmtime alone takes minutes.
WORKDIR /outline
COPY --from=outline /outline .
RUN cargo build --release --locked --package rec-market
# Then our own code. The files may have an older modification time than the outline's empty programs, so touch them:
# otherwise cargo would consider those programs up to date. (The version check catches that: an empty program prints none.)
WORKDIR /src
COPY . .
RUN find . -type f -exec touch {} + \
    && cargo build --release --locked --package rec-market \
    && /target/release/rec-market --version | grep -q '^rec-market ' \
    && mkdir -p /root-of-image/data /root-of-image/usr/local/bin \
    && cp /target/release/rec-market /root-of-image/usr/local/bin/ \
    && chmod 0755 /root-of-image/usr/local/bin/rec-market \
    && chown 10001:10001 /root-of-image/data && chmod 0700 /root-of-image/data

FROM ${RUN_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="rec-market" \
      org.opencontainers.image.description="The Market service of a platform for renewable energy communities" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /root-of-image/usr/local/bin/rec-market /usr/local/bin/rec-market
# State and compiled components go below /data; everything else may be read-only. A new volume mounted there inherits its
# owner. (--chown, because builders differ in whether a copied directory keeps its owner.)
COPY --from=build --chown=10001:10001 /root-of-image/data /data
USER 10001:10001
WORKDIR /data
# Plaintext gRPC for the stack, gRPC over TLS, metrics and health.
EXPOSE 50050 50051 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["/usr/local/bin/rec-market", "health", "--live", "--config", "/etc/rec-market/market.toml"]
ENTRYPOINT ["/usr/local/bin/rec-market"]
CMD ["serve", "--config", "/etc/rec-market/market.toml"]
