# Starts server and client as they are configured
# shellcheck shell=bash
use process config http ports build house remote compose place service

usage() { service_usage start "Starts the configured programs that do not run yet.
It installs and builds nothing; './resmon up' does."; }

main() { service_main start "$@"; }
