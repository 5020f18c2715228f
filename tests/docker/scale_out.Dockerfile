# Stands in for the images haproxy and victoria-metrics where none can be pulled: Debian's packages of both.
ARG BASE_IMAGE=debian:bookworm-slim
FROM ${BASE_IMAGE}
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
ARG DEBIAN_MIRROR=
RUN [[ -z $DEBIAN_MIRROR ]] || echo "deb $DEBIAN_MIRROR bookworm main" >/etc/apt/sources.list; \
    export DEBIAN_FRONTEND=noninteractive; \
    apt-get -qq update; \
    apt-get -qq -y install --no-install-recommends haproxy victoria-metrics >/dev/null; \
    rm -rf /var/lib/apt/lists/*
