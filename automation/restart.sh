# Stops and starts server and client
# shellcheck shell=bash
use process config http ports build house remote compose place service

usage() { service_usage restart "Stops and starts the programs: they read configuration, tokens and certificates.
If a configuration has an error, nothing is stopped."; }

main() { service_main restart "$@"; }
