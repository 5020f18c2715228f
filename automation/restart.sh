# Stops and starts server and client
# shellcheck shell=bash
use process config http ports build house remote compose place service

usage() { service_usage restart "Stops and starts the programs: they read configuration, tokens and certificates."; }

main() { service_main restart "$@"; }
