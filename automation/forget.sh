# Removes a host from the server's list
# shellcheck shell=bash
use process config http house

usage() {
  cat <<'TEXT'
Usage: ./resmon forget HOST [--purge]

Removes a host that no longer sends from the list of hosts, on the page and in
'status'. Its stored data stay, unless --purge is given. The host returns to
the list when newer data of it arrive. A host whose client is connected is
refused: stop the client first.

Options:
  --purge      delete the host's stored data, too, for good; copies that were
               forwarded to another database stay there
  -h, --help   this text

Exit codes: 0 done, 1 no such host, its client is connected, or the change
  could not be saved, 2 usage, 4 the server does not answer

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
        say "$(printable "$host") is removed from the list, and its data are deleted"
      else
        say "$(printable "$host") is removed from the list; its data are kept"
      fi
      ;;
    *) die failed "$(printable "$host"): $(printable "$(jq -r '.error // "the server refused"' <<<"${answer%$'\n'*}" 2>/dev/null || printf 'HTTP %s' "$code")")" ;;
  esac
}
