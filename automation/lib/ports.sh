# Who listens where.
# shellcheck shell=bash

# port_of ADDRESS: the port of HOST:PORT or [HOST]:PORT.
port_of() {
  local port=${1##*:}
  [[ $1 == *:* && $port =~ ^[0-9]{1,5}$ ]] && ((10#$port >= 1 && 10#$port <= 65535)) || return 1
  printf '%s' "$port"
}

# port_taken PORT: whether somebody listens on it, on any address. From /proc: needs no tool and no rights.
port_taken() {
  local hex
  hex=$(printf '%04X' "$1")
  awk -v port=":$hex" 'FNR > 1 && $4 == "0A" && substr($2, length($2) - 4) == port { found = 1 } END { exit !found }' \
    /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# port_holder PORT: "name (pid 12)" as far as this user may know, or nothing.
port_holder() {
  have ss || return 0
  ss --listening --tcp --numeric --processes --no-header "sport = :$1" 2>/dev/null |
    sed -nE 's/.*users:\(\("([^"]*)",pid=([0-9]+).*/\1 (pid \2)/p' | head -n 1
}
