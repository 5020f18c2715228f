# Installs server or clients on other machines (arrives later)
# shellcheck shell=bash

usage() {
  cat <<'TEXT'
Usage: ./resmon deploy server HOST | client HOST…

Not there yet: deploying over ssh arrives in a later version. Until then copy build/bin/resmon-client, the token and a client.toml
whose client.servers names the server, and run 'resmon-client --config client.toml' there.

Exit codes: 1 always, until it is there; 2 usage

Examples:
  scp build/bin/resmon-client web1:
  ssh web1 ./resmon-client --config client.toml
TEXT
}

main() {
  die failed "deploy is not there yet: it arrives in a later version" "'./resmon deploy --help' says how to do it by hand"
}
