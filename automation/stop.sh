# Stops server and client
# shellcheck shell=bash
use process config http ports build house remote compose place service

usage() { service_usage stop "Stops them in the right order and waits until they have ended. Simulated clients go on: './resmon down' stops everything."; }

main() { service_main stop "$@"; }
