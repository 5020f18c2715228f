# deploy: the server and what clients bring to it: addresses, tokens, the files that are copied. Its functions use what
# automation/deploy.sh has set: role, action, hosts, work and the like.
# shellcheck shell=bash
use config enrol http pki ports process programs remote

# What it sets.
action='' any='' binary='' facts='' program='' role='' work='' hosts=() sets=()
servers=()     # where clients connect
certificate='' # of the servers that are deployed: a path without .crt and .key

# The server that `deploy server` installed, by the address given then; otherwise the server of this state directory.
fleet_file() { printf '%s' "$RESMON_HOME/fleet.json"; }

# fleet_servers: "HOST<tab>URL" of each server that was deployed.
fleet_servers() { jq -r '.servers[] | [.host, .http_url] | @tsv' "$(fleet_file)"; }

# server_get PATH: from the server, wherever it is.
server_get() { http_get "$server_url$1" "$(token_file)"; }

# server_now: the server's clock in milliseconds; 0 when it does not answer.
server_now() {
  [[ $role != server ]] || {
    printf 0
    return 0
  }
  server_get /api/v1/hosts 2>/dev/null | jq -e '.server_time' 2>/dev/null || printf 0
}

# keep_server: the server is up: from now on clients are deployed to it.
keep_server() {
  [[ $role == server ]] || return 0
  cp -f -- "$work/fleet.json" "$(fleet_file).$BASHPID" && mv -f -- "$(fleet_file).$BASHPID" "$(fleet_file)"
}

# url_of_server INDEX: of the host that is deployed now, or was before.
url_of_server() {
  local from=$work/fleet.json
  [[ -s $from ]] || from=$(fleet_file)
  jq -r --arg host "${hosts[$1]}" '(.servers[] | select(.host == $host) | .http_url) // empty' "$from" 2>/dev/null || true
}

# find_server: sets server_url, of several servers that of the first that answers, and stops early when nothing could ever be seen to
# arrive.
find_server() {
  local host url
  [[ $role != server ]] || return 0
  if [[ -s $(fleet_file) ]]; then
    server_url=$(jq -r .http_url "$(fleet_file)")
    while IFS=$'\t' read -r host url; do
      server_url=$url
      ! server_get /readyz >/dev/null 2>&1 || break
      warn "the server on $host does not answer"
    done < <(fleet_servers)
  else
    server_url=$(jq -r .http_url <<<"$(endpoints)")
  fi
  [[ $action != remove && -z $dry ]] || return 0
  server_get /readyz >/dev/null 2>&1 ||
    die connection "the server does not answer at $server_url" "'./resmon up' or './resmon start server' starts it"
}

# prepare_client: the settings that all clients share: the server's address and the certificate authority.
prepare_client() {
  local listening
  if [[ -z $server ]]; then
    if [[ -s $(fleet_file) ]]; then server=$(jq -r .tcp_address "$(fleet_file)"); else server=$(dialable "$(tcp_address)"); fi
    [[ ! -s $(fleet_file) ]] || mapfile -t servers < <(jq -r '.servers[].tcp_address' "$(fleet_file)")
  fi
  ((${#servers[@]})) || servers=("$server")
  port_of "$server" >/dev/null || die usage "--server: '$(printable "$server")' is not HOST:PORT"
  listening=$(setting "$(server_config)" listen.tls false)
  if [[ $listening == true || -s $(fleet_file) ]]; then
    [[ -s $(tls_directory)/ca.crt ]] ||
      warn "there is no $(tls_directory)/ca.crt: clients trust the authorities of their system"
    with_tls=yes
  else
    with_tls=
    [[ -n $plaintext ]] || die configuration "the server does not use TLS, and tokens do not travel in the open" \
      "./resmon configure --tls THE-SERVERS-NAME, then ./resmon restart server" \
      "or, where a tunnel encrypts: --allow-plaintext"
    [[ $server != 127.* && $server != localhost:* ]] || warn "clients will look for the server at $server, on their own machine"
  fi
}

prepare_server() {
  local host name
  local -a all=() entries=() config_written=()
  for host in "${hosts[@]}"; do
    name=$(address_of "$host")
    [[ ${#hosts[@]} != 1 || -z $server_name ]] || name=$server_name
    all+=("$name")
    entries+=("$(jq -n --arg host "$host" --arg http_url "https://$(bracketed "$name"):7412" --arg tcp_address "$(bracketed "$name"):7411" \
      '$ARGS.named')")
  done
  printf '%s\n' "${entries[@]}" | jq -s '.[0] + {servers: .}' | write_private "$work/fleet.json"
  ensure_config '' ''
  ((${#config_written[@]} == 0)) || say "wrote ${config_written[*]} in $RESMON_HOME"
  certificate=$(tls_directory)/server-${all[0]}
  if ((${#hosts[@]} > 1)); then
    certificate=$(tls_directory)/servers
    [[ -z $server_name ]] || all+=("$server_name")
    if [[ -z $dry && (! -s $certificate.crt || $(cat -- "$certificate.names" 2>/dev/null) != "${all[*]}") ]]; then
      make_certificate "$certificate" "${all[@]}"
      printf '%s' "${all[*]}" >"$certificate.names"
    fi
    [[ -n $dry ]] || ensure_shared_accounts
  elif [[ ! -s $certificate.crt ]]; then
    make_certificate "$certificate" "${all[0]}"
  fi
}

address_of() {
  local host=${1##*@}
  host=${host%:*}
  host=${host#[}
  printf '%s' "${host%]}"
}

shared_accounts() { printf '%s' "$RESMON_HOME/servers.accounts"; }

# ensure_shared_accounts: the first users of several servers, with an administrator; its password is shown once.
ensure_shared_accounts() {
  local made
  [[ ! -s $(shared_accounts) ]] || return 0
  made=$("$binary" --set "auth.accounts_file=$(shared_accounts)" --set "store.directory=$work" user init) ||
    die failed "$(printable "$binary") could not make $(shared_accounts)"
  say "made the first administrator of the servers: user ${made%%$'\t'*}, password ${made##*$'\t'}"
  say "the password is not shown again"
}

bracketed() { if [[ $1 == *:* ]]; then printf '[%s]' "$1"; else printf '%s' "$1"; fi; }

# enrol_all: a token for each client that has none, or a further one; then the server is told, once.
enrol_all() {
  local i changed='' client
  local -A fresh=()
  take_lock 60
  [[ -s $(token_file) ]] || die configuration "there is no token file $(token_file)" "'./resmon up' or './resmon configure' makes it"
  for i in "${!hosts[@]}"; do
    [[ -s $work/$i/facts ]] || continue
    client=$(<"$work/$i/client")
    # Two hosts that report under one name have one token.
    if [[ -z ${fresh[$client]-} && (-n $rotate || -z $(tokens_of "$client" "$any")) ]]; then
      enrol "$client" "$any"
      changed=yes
    fi
    fresh[$client]=yes
    (umask 077 && tokens_of "$client" "$any" | head -n 1 >"$work/$i/token")
  done
  [[ -z $changed ]] || tell_server
}

# tell_server: waits until the server has the token file as it is now. Nothing restarts.
tell_server() {
  local host url written
  if [[ -s $(fleet_file) ]]; then
    while IFS=$'\t' read -r host url; do tell_server_on "$host" "$url"; done < <(fleet_servers)
  elif is_running server; then
    progress "the server takes the new tokens"
    await_tokens "$server_url" "$(written_at "$(token_file)")"
  fi
  progress_end
}

# tell_server_on HOST URL
tell_server_on() {
  local host=$1 url=$2 written
  progress "the server on $host takes the new tokens"
  # shellcheck disable=SC2016 # expanded there
  written=$(on_host "$host" 'umask 077
    run() { "$@"; }
    etc=$HOME/.local/resmon/etc
    if [ "$(id -u)" = 0 ]; then etc=/etc/resmon
    elif sudo -n test -e /etc/resmon/server.toml 2>/dev/null; then etc=/etc/resmon; run() { sudo -n "$@"; }; fi
    run sh -c '\''umask 077; cat >"$1/server.token.new" &&
      { [ ! -e "$1/server.token" ] || { chown --reference="$1/server.token" "$1/server.token.new" &&
        chmod --reference="$1/server.token" "$1/server.token.new"; }; } &&
      mv -f "$1/server.token.new" "$1/server.token" && stat -c written=%.6Y "$1/server.token"'\'' sh "$etc"' \
    <"$(token_file)") || die failed "the server on $host could not be given the new tokens"
  written=$(fact written "$written")
  await_tokens "$url" "${written//[!0-9]/}"
}

# forget_purged: revokes the tokens of every purged host: the token that it had, and those of its client's name.
forget_purged() {
  local i lines=$work/purged
  (umask 077 && : >"$lines")
  for i in "${!hosts[@]}"; do
    [[ $(<"$work/$i/result") == ok* ]] || continue
    cat -- "$work/$i/client" "$work/$i/token" >>"$lines" 2>/dev/null || true
  done
  [[ -s $lines && -s $(token_file) ]] || return 0
  take_lock 60
  if forget_tokens "$lines"; then take_back; fi
}

# settle_tokens: with --rotate-token the old ones of every host that is done are taken back.
settle_tokens() {
  local i changed=''
  [[ -n $rotate ]] || return 0
  for i in "${!hosts[@]}"; do
    [[ $(<"$work/$i/result") == ok* ]] || continue
    if revoke "$(<"$work/$i/client")" 1; then changed=yes; fi
  done
  [[ -z $changed ]] || take_back
}

# take_back: as tell_server, after everything else is done: the report still comes.
# shellcheck disable=SC2034 # deploy.sh's
take_back() {
  (tell_server) && return 0
  warn "the server still accepts the old tokens; they are removed from $(token_file)"
  untold=yes
}

# payload INDEX NAME: collects the files for the host in $work/INDEX/payload.
payload() {
  local i=$1 directory=$work/$1/payload etc=/etc/resmon state=/var/lib/resmon log=/var/log/resmon pair key config
  mkdir -p -- "$directory/etc"
  if [[ $(fact root "$facts") != yes && $(fact sudo "$facts") != yes ]]; then
    local home
    # shellcheck disable=SC2016 # expanded there
    home=$(on_host "${hosts[i]}" 'printf %s "$HOME"' </dev/null) || return 1
    etc=$home/.local/resmon/etc state=$home/.local/resmon/state log=$home/.local/resmon/log
  fi
  cp -- "$RESMON_ROOT/automation/lib/host.sh" "$directory/host.sh"
  cp -- "$program" "$directory/resmon-$role"
  if [[ $role == server ]]; then copy_clients "$directory/clients"; fi
  sed "s#@PROGRAM_DIRECTORY@#/opt/resmon/$role/current#" "$RESMON_ROOT/packaging/systemd/resmon-$role.service.in" \
    >"$directory/resmon-$role.service"
  config=$directory/etc/$role.toml
  begin_config "$config" "$binary"
  if [[ $role == client ]]; then
    cp -- "$work/$i/token" "$directory/etc/client.token"
    toml_set "$config" client.host "$(toml_string "$2")"
    # Each begins with another one, so that clients spread.
    local -a order=("${servers[@]:i%${#servers[@]}}" "${servers[@]:0:i%${#servers[@]}}")
    toml_set "$config" client.servers "$(printf '%s\n' "${order[@]}" | jq -R . | jq -cs .)"
    toml_set "$config" client.token_file "$(toml_string "$etc/client.token")"
    toml_set "$config" client.interval "$(toml_string "${interval:-5s}")"
    toml_set "$config" spool.directory "$(toml_string "$state/client")"
    if [[ -n $with_tls ]]; then
      toml_set "$config" tls.enabled true
      if [[ -s $(tls_directory)/ca.crt ]]; then
        cp -- "$(tls_directory)/ca.crt" "$directory/etc/ca.crt"
        toml_set "$config" tls.ca_file "$(toml_string "$etc/ca.crt")"
      fi
      [[ -z $server_name ]] || toml_set "$config" tls.server_name "$(toml_string "$server_name")"
    else
      toml_set "$config" tls.allow_plaintext true
    fi
  else
    cp -- "$(token_file)" "$directory/etc/server.token"
    cp -- "$certificate.crt" "$directory/etc/server.crt"
    cp -- "$certificate.key" "$directory/etc/server.key"
    cp -- "$(tls_directory)/ca.crt" "$directory/etc/ca.crt"
    toml_set "$config" listen.address '"0.0.0.0:7411"'
    toml_set "$config" listen.tls true
    toml_set "$config" http.address '"0.0.0.0:7412"'
    toml_set "$config" http.tls true
    toml_set "$config" tls.certificate_file "$(toml_string "$etc/server.crt")"
    toml_set "$config" tls.key_file "$(toml_string "$etc/server.key")"
    toml_set "$config" auth.token_file "$(toml_string "$etc/server.token")"
    toml_set "$config" store.directory "$(toml_string "$state/server")"
    if ((${#hosts[@]} > 1)); then
      cp -- "$(shared_accounts)" "$directory/accounts"
      toml_set "$config" peers.name "$(toml_string "$(address_of "${hosts[i]}")")"
      toml_set "$config" peers.addresses "$(jq -c '[.servers[].http_url]' "$work/fleet.json")"
      toml_set "$config" peers.tls_ca_file "$(toml_string "$etc/ca.crt")"
    fi
  fi
  toml_set "$config" log.file "$(toml_string "$log/$role.log")"
  if [[ -n $docker ]]; then
    toml_set "$config" log.file '""'
    toml_set "$config" roots.file_system '"/host"'
  fi
  for pair in "${sets[@]}"; do
    key=${pair%%=*}
    [[ $pair == *=* && $key =~ ^[a-z][a-z0-9_-]*(\.[A-Za-z0-9_-]+)+$ ]] || {
      result "$i" failed "--set: '$pair' is not KEY=VALUE"
      return 1
    }
    toml_set "$config" "$key" "$(as_toml "${pair#*=}")"
  done
}

# copy_clients DIRECTORY: what the server hands out to machines that are to be watched.
copy_clients() {
  local architecture file
  mkdir -p -- "$1"
  for architecture in x86_64 aarch64; do
    file=$(client_for "$architecture") || continue
    cp -- "$file" "$1/resmon-client-$architecture"
  done
  cp -- "$RESMON_ROOT/packaging/installer/resmon-client.sh" "$1/"
}
