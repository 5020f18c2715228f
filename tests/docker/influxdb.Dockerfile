# Stands in for influxdb:2.9 where no image can be pulled: Debian's influxd 1.6 on the same port and volume, as the same user.
ARG BASE_IMAGE=debian:bookworm-slim
FROM ${BASE_IMAGE}
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
ARG DEBIAN_MIRROR=
RUN [[ -z $DEBIAN_MIRROR ]] || echo "deb $DEBIAN_MIRROR bookworm main" >/etc/apt/sources.list; \
    export DEBIAN_FRONTEND=noninteractive; \
    apt-get -qq update; \
    apt-get -qq -y install --no-install-recommends influxdb >/dev/null; \
    rm -rf /var/lib/apt/lists/*; \
    install -d -o 1000 -g 1000 /var/lib/influxdb2
ENV INFLUXDB_REPORTING_DISABLED=true INFLUXDB_BIND_ADDRESS=127.0.0.1:8088 INFLUXDB_HTTP_BIND_ADDRESS=:8086 \
    INFLUXDB_META_DIR=/var/lib/influxdb2/meta INFLUXDB_DATA_DIR=/var/lib/influxdb2/data INFLUXDB_DATA_WAL_DIR=/var/lib/influxdb2/wal \
    INFLUXDB_MONITOR_STORE_ENABLED=false INFLUXDB_HTTP_LOG_ENABLED=false
USER 1000:1000
CMD ["influxd", "run", "-config", "/dev/null"]
