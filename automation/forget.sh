# Takes a host off the server's list
# shellcheck shell=bash
use process config http house

usage() {
  cat <<'TEXT'
Usage: ./resmon forget HOST [--purge]

Takes a host that sends no more off the list of hosts, on the page and in
'status'. Its stored data stay, unless --purge is given. It comes back by
itself when newer data of it come; a host whose client is connected is
refused: stop that first.

Options:
  --purge      delete the host's stored data, too, for good; what a sink has
               passed on to another database stays there
  -h, --help   this text

Exit codes: 0 done, 1 no such host, still connected, or not kept, 2 usage,
4 the server does not answer

Examples:
  ./resmon forget web3
  ./resmon forget web3 --purge
TEXT
}

main() {
  local host='' purge=false url answer code
  local -a arguments=()
  split_equals "$@"
  set -- "${arguments[@]}"
  while (($#)); do
    case $1 in
      --purge) purge=true ;;
      -*) unknown_argument "$1" ;;
      *)
        [[ -z $host ]] || unknown_argument "$1"
        host=$1
        ;;
    esac
    shift
  done
  [[ -n $host ]] || die usage "which host?" "'./resmon status' lists them"
  have jq || die failed "jq is missing" "'./resmon up' installs it"
  url=$(server_url)
  answer=$(http_delete "$url/api/v1/hosts/$(jq -rn --arg name "$host" '$name | @uri')?purge=$purge" "$(token_file)") ||
    die connection "no server answers at $url" "'./resmon up' or './resmon start server' starts it"
  code=${answer##*$'\n'}
  case $code in
    204)
      if [[ $purge == true ]]; then
        say "$(printable "$host") is off the list, and its data are deleted"
      else
        say "$(printable "$host") is off the list; its data are kept"
      fi
      ;;
    *) die failed "$(printable "$host"): $(printable "$(jq -r '.error // "the server refused"' <<<"${answer%$'\n'*}" 2>/dev/null || printf 'HTTP %s' "$code")")" ;;
  esac
}
