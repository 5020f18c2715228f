# Stops server and client
# shellcheck shell=bash
use process config http ports build house remote compose place service

usage() { service_usage stop "Stops client and server in order and waits until they have ended.
Simulated clients continue: './resmon down' stops everything."; }

main() { service_main stop "$@"; }
