# The line that a person pastes into a shell of a machine that is to be watched, where ssh from here is no way.
# shellcheck shell=bash
use pki

# join_line NAME TOKEN SERVER URL SERVER_NAME: fetches the installer from the server over verified TLS and runs it as root. The
# certificate authority is in the line, so the token goes to nobody else. printf is a word of the shell itself: no token is on a
# command line that others see. With TLS's settings empty (SERVER_NAME is not) it is for --allow-plaintext.
join_line() {
  local client=$1 token=$2 server=$3 url=$4 server_name=$5 authority='' options='' curl=''
  if [[ $url == https://* ]]; then
    if [[ -s $(tls_directory)/ca.crt ]]; then
      authority="printf %s $(base64 -w 0 <"$(tls_directory)/ca.crt") | base64 -d >ca.crt && "
      curl=' --cacert ca.crt' options=' --ca-file ca.crt'
    fi
  else
    options=' --plaintext'
  fi
  [[ -z $server_name ]] || options+=" --server-name $(quoted_word "$server_name")"
  printf '%s' "(umask 077 && cd \"\$(mktemp -d)\" && ${authority}printf %s $token >token && " \
    "printf 'header = \"Authorization: Bearer %s\"' $token >curl && " \
    "curl -fsS -K curl$curl -o resmon-client.sh $url/download/resmon-client.sh && " \
    "\$(test \"\$(id -u)\" = 0 || echo sudo) sh resmon-client.sh install --url $url --server $server " \
    "--name $(quoted_word "$client") --token-file token$options)"
  printf '\n'
}

# quoted_word TEXT: for a shell.
quoted_word() { printf "'%s'" "${1//\'/\'\\\'\'}"; }
