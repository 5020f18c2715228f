# Stops and starts server and client
# shellcheck shell=bash
use process config http ports build house remote compose place service

usage() { service_usage restart "Stops and starts again: configuration, tokens and certificates are read anew."; }

main() { service_main restart "$@"; }
