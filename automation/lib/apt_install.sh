#!/usr/bin/env bash
# Run as root by install_packages: apt_install.sh PACKAGE…
# Asks nothing, takes no recommended packages, refreshes apt's lists only when they are empty or too old to install from, and
# starts no service: a database that a test needs must not come up on the machine's own ports.
set -euo pipefail

export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true LC_ALL=C.UTF-8
apt=(apt-get -y --no-install-recommends -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)

policy=${RESMON_POLICY_FILE:-/usr/sbin/policy-rc.d}
policy_is_ours=
cleanup() { [[ -z $policy_is_ours ]] || rm -f -- "$policy"; }
trap cleanup EXIT
if [[ ! -e $policy ]]; then
  policy_is_ours=yes
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

# Services that the packages bring and that were not there before are not left enabled for the next boot either.
brought=()
for service in influxdb nginx haproxy caddy prometheus prometheus-node-exporter; do
  if printf '%s\n' "$@" | grep -qE "^$service(-light)?$" &&
    ! dpkg-query --show --showformat '${db:Status-Status}\n' "$service" 2>/dev/null | grep -qx installed; then
    brought+=("$service.service")
  fi
done

shopt -s nullglob
lists=(/var/lib/apt/lists/*_Packages*)
((${#lists[@]})) || "${apt[@]}" update
if ! "${apt[@]}" install "$@"; then
  "${apt[@]}" update
  "${apt[@]}" install "$@"
fi

if ((${#brought[@]})) && [[ -d /run/systemd/system ]]; then
  systemctl disable --now "${brought[@]}" || true
fi
