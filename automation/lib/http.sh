# Talking to the server's HTTP side. The token reaches curl through a descriptor: never in a process list, never in a log.
# shellcheck shell=bash
use config

# dialable ADDRESS: a listening address as one to connect to: every-interface becomes loopback.
dialable() {
  local port=${1##*:} host=${1%:*}
  case $host in
    '' | 0.0.0.0 | '*') host=127.0.0.1 ;;
    '[::]') host='[::1]' ;;
  esac
  printf '%s:%s' "$host" "$port"
}

# first_token FILE: its first token that is bound to no client's name: the others are no good for HTTP. By the printf builtin only.
first_token() {
  local token name
  while read -r token name || [[ -n $token ]]; do
    token=${token%$'\r'} name=${name%$'\r'}
    [[ -n $token && $token != '#'* && (-z $name || $name == '#'*) ]] || continue
    printf '%s' "$token"
    return 0
  done <"$1"
  return 1
}

# http_post_query URL QUERY: InfluxQL on the embedded store, the answer as CSV with times in seconds.
http_post_query() {
  local token=''
  local -a options=()
  http_options "$1"
  options+=(--header 'Accept: application/csv' --data-urlencode "q=$2" --data db=resmon --data epoch=s)
  token=$(first_token "$(token_file)") || token=
  if [[ -n $token ]]; then options+=(--header @/dev/fd/9); fi
  curl "${options[@]}" -- "$1" 9< <(printf 'Authorization: Bearer %s\n' "$token")
}

# http_get URL [TOKEN_FILE]: the body on standard output; fails as curl does (7: nobody listens, 22: an HTTP error, 28: too slow).
http_get() {
  local token=''
  local -a options=()
  http_options "$1"
  [[ -z ${2-} || ! -r ${2-} ]] || token=$(first_token "$2") || token=
  if [[ -n $token ]]; then
    curl "${options[@]}" --header @<(printf 'Authorization: Bearer %s\n' "$token") -- "$1"
  else
    curl "${options[@]}" -- "$1"
  fi
}

# http_get_stream URL [TOKEN_FILE]: the same without an end, each line as it comes.
http_get_stream() {
  local token=''
  local -a options=()
  http_options "$1"
  options+=(--max-time 0 --no-buffer)
  [[ -z ${2-} || ! -r ${2-} ]] || token=$(first_token "$2") || token=
  if [[ -n $token ]]; then options+=(--header @/dev/fd/9); fi
  curl "${options[@]}" -- "$1" 9< <(printf 'Authorization: Bearer %s\n' "$token")
}

# http_delete URL TOKEN_FILE: the body on standard output, also of a refusal, then the status on a line of its own; fails where there
# is no answer.
http_delete() {
  local token=''
  local -a options=()
  http_options "$1"
  # A refusal says why; and to delete may take a while. Of two equal options the later one counts.
  options+=(--no-fail --max-time 60)
  token=$(first_token "$2" 2>/dev/null) || token=
  curl "${options[@]}" --request DELETE --write-out '\n%{http_code}' --header @<(printf 'Authorization: Bearer %s\n' "$token") -- "$1"
}

# http_send METHOD URL TOKEN_FILE JSON: as http_delete, with a body where JSON is not empty.
http_send() {
  local token=''
  local -a options=()
  http_options "$2"
  options+=(--no-fail --max-time 20)
  token=$(first_token "$3" 2>/dev/null) || token=
  if [[ -n $4 ]]; then options+=(--header 'Content-Type: application/json' --data-binary @-); fi
  curl "${options[@]}" --request "$1" --write-out '\n%{http_code}' --header @<(printf 'Authorization: Bearer %s\n' "$token") -- "$2" <<<"$4"
}

# http_options URL: sets `options` for curl.
http_options() {
  local certificate
  options=(--silent --show-error --fail --max-time 5 --noproxy '*')
  if [[ $1 == https://* ]]; then
    certificate=$(setting "$(server_config)" tls.certificate_file '')
    # Certificates of the house's own authority are verified by it, wherever they are used.
    if [[ -s $RESMON_HOME/tls/ca.crt && (-z $certificate || $certificate == "$RESMON_HOME/tls/"*) ]]; then
      certificate=$RESMON_HOME/tls/ca.crt
    fi
    [[ -z $certificate ]] || options+=(--cacert "$certificate")
  fi
}
