# Which programs a command is about, and where: what status, start, stop and restart take alike.
#
# The caller has the arrays `roles` and `hosts`, and `place`, which becomes one of house (this one's processes), systemd, docker
# and hosts.
# shellcheck shell=bash
use remote

# settle_place: sets the defaults after the last argument.
settle_place() {
  if ((${#hosts[@]})); then
    [[ $place == house ]] || die usage "--host does not go with --$place"
    ((${#roles[@]})) || roles=(client)
    place=hosts
  fi
  ((${#roles[@]})) || roles=(server client)
}

# take_place ARGUMENT…: takes the first if it says which or where; `taken` is how many words that were. 1: it says something else.
# shellcheck disable=SC2034 # the caller's
take_place() {
  taken=1
  case $1 in
    server | client) roles+=("$1") ;;
    --host)
      need_value "$1" $#
      valid_host "$2" || die usage "'$(printable "$2")' is not a host such as web1, admin@web1 or web1:2222"
      hosts+=("$2")
      taken=2
      ;;
    --systemd) place=systemd ;;
    --docker) place=docker ;;
    *) return 1 ;;
  esac
}
