# Hearback as an image: `docker build --tag hearback .`, or buildah, or podman. config/compose.yaml runs it behind nginx.
#
# What it is built from can be had elsewhere (a mirror, a hardened image): name it with --build-arg.
ARG NODE_IMAGE=docker.io/library/node:22-bookworm-slim
ARG RUST_IMAGE=docker.io/library/rust:1.95-slim-bookworm
ARG RUNTIME_IMAGE=docker.io/library/debian:bookworm-slim

# The console and the player.
FROM ${NODE_IMAGE} AS web
WORKDIR /build/web
COPY web/package.json web/package-lock.json web/.npmrc* ./
RUN npm ci --no-audit --no-fund
COPY web ./
RUN npm run build

# The executable, with them compiled in.
FROM ${RUST_IMAGE} AS build
WORKDIR /build
COPY . .
COPY --from=web /build/web/dist web/dist
# `dev` compiles in a third of the time what is several times as large and slow: for trying the image, not for running it.
ARG CARGO_PROFILE=release
# Lines in backtraces would be most of the file; a panic names its own all the same.
ENV CARGO_PROFILE_RELEASE_STRIP=debuginfo \
    CARGO_TARGET_DIR=/target
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/target \
    cargo install --locked --no-track --path . --bin hearback --profile "${CARGO_PROFILE}" --root /image/usr/local \
    && install -D --mode 0644 /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt \
    && install -d --mode 0700 --owner 10001 --group 10001 /image/data

FROM ${RUNTIME_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Hearback" \
      org.opencontainers.image.description="Plays back Twilio call recordings in the browser, at once and in private." \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="docker.io/library/debian:bookworm-slim"
COPY --from=build /image/ /
# Everything that is ever written is in the volume, also what SQLite sorts: the root may be read-only.
ENV HEARBACK_DATA__DIR=/data \
    HEARBACK_SERVER__LISTEN=0.0.0.0:8080 \
    SQLITE_TMPDIR=/data
VOLUME /data
WORKDIR /data
# By number, so that whoever runs it can see that it is not root.
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 CMD ["hearback", "health"]
ENTRYPOINT ["hearback"]
CMD ["serve"]
