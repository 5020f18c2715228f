# Stops and starts server and client
# shellcheck shell=bash
use process config http ports build house remote compose place service

usage() { service_usage restart "Stops and starts again, so that changed configuration, tokens and certificates are taken."; }

main() { service_main restart "$@"; }
