# start, stop, restart, monitor, completion, install, uninstall and configure's certificates and tokens, with stand-ins for the programs.
# deploy against real machines is in tests/deploy.

load helpers/common
setup() { setup_house; }
teardown() { teardown_house; }

# A house that is configured on this test's ports but does not run.
configured() { resmon configure --http-address "127.0.0.1:$HTTP_PORT" --tcp-address "127.0.0.1:$TCP_PORT"; }

@test "start needs a configuration, starts once, and stop stops in order" {
  run resmon start
  [ "$status" -eq 3 ]
  configured
  resmon start
  [ "$(processes)" -eq 2 ]
  server=$(pid_in server)
  run resmon start
  [ "$status" -eq 0 ]
  [ "$(pid_in server)" = "$server" ]
  resmon stop client
  [ "$(processes)" -eq 1 ]
  resmon stop
  no_process
  run resmon stop
  [ "$status" -eq 0 ]
}

@test "restart takes a new process" {
  configured
  resmon start server
  server=$(pid_in server)
  resmon restart server
  [ "$(pid_in server)" != "$server" ]
  [ "$(processes)" -eq 1 ]
}

@test "restart stops nothing if a configuration has an error" {
  configured
  resmon start
  before=$(pid_in server)/$(pid_in client)
  cp "$RESMON_HOME/server.toml" "$BATS_TEST_TMPDIR/server.toml"
  printf 'nonsense = 1\n' >>"$RESMON_HOME/server.toml"
  run resmon restart
  [ "$status" -eq 3 ]
  [[ $output == *'server.toml has an error'*'nonsense'*'nothing was stopped: server and client continue with the old configuration'* ]]
  run resmon restart server
  [ "$status" -eq 3 ]
  [[ $output == *'nothing was stopped: server continues with the old configuration'* ]]
  rm "$RESMON_HOME/server.toml"
  run resmon restart
  [ "$status" -eq 3 ]
  [[ $output == *'server.toml is not there yet'* ]]
  [ "$before" = "$(pid_in server)/$(pid_in client)" ]
  # Another program's error does not hinder.
  resmon restart client
  [ "$before" != "$(pid_in server)/$(pid_in client)" ]
  [ "$(processes)" -eq 2 ]
  cp "$BATS_TEST_TMPDIR/server.toml" "$RESMON_HOME/server.toml"
}

@test "after configure --tls a restart and an up have the simulated clients use TLS" {
  up_here
  run grep -qx 'tls.enabled=true' "$RESMON_HOME/load.arguments"
  [ "$status" -eq 1 ]
  resmon configure --tls localhost
  resmon restart
  grep -qx 'tls.enabled=true' "$RESMON_HOME/load.arguments"
  grep -qx "tls.ca_file=$RESMON_HOME/tls/ca.crt" "$RESMON_HOME/load.arguments"
  load=$(pid_in load)
  resmon restart
  [ "$(pid_in load)" = "$load" ]
  resmon down
  rm "$RESMON_HOME/load.arguments"
  up_here
  grep -qx 'tls.enabled=true' "$RESMON_HOME/load.arguments"
}

@test "start refuses what is no role and no host, and says where systemd does not run" {
  for wrong in database '--host -oProxyCommand=id' '--host a;id' '--host' '--host a --systemd'; do
    # shellcheck disable=SC2086 # split on purpose
    run resmon start $wrong
    [ "$status" -eq 2 ]
  done
  [ ! -d /run/systemd/system ] || skip "systemd runs here"
  run resmon start --systemd
  [ "$status" -eq 1 ]
  [[ $output == *'systemd does not run'* ]]
}

@test "configure --tls makes an authority and a certificate for all names, for the owner only" {
  resmon configure --tls 'mon.example.org,192.0.2.7'
  tls=$RESMON_HOME/tls
  openssl verify -CAfile "$tls/ca.crt" "$tls/server.crt"
  names=$(openssl x509 -in "$tls/server.crt" -noout -ext subjectAltName)
  [[ $names == *mon.example.org* && $names == *192.0.2.7* && $names == *localhost* ]]
  [ -z "$(find "$RESMON_HOME" -type f -perm /077)" ]
  grep -qxF 'tls = true' "$RESMON_HOME/server.toml"
  run resmon configure --tls 'a name'
  [ "$status" -eq 2 ]
}

@test "configure certificate makes another one of the same authority, with the same names, and keeps the old" {
  resmon configure --tls mon.example.org
  tls=$RESMON_HOME/tls
  authority=$(sha256sum <"$tls/ca.crt") before=$(sha256sum <"$tls/server.crt")
  resmon configure certificate
  [ "$authority" = "$(sha256sum <"$tls/ca.crt")" ]
  [ "$before" != "$(sha256sum <"$tls/server.crt")" ]
  [ "$before" = "$(sha256sum <"$(echo "$tls"/server.crt.*.bak)")" ]
  openssl verify -CAfile "$tls/ca.crt" -verify_hostname mon.example.org "$tls/server.crt"
}

@test "enrol gives a client its own token, revoke takes it back, the house's own stays first" {
  resmon configure
  own=$(head -n 1 "$RESMON_HOME/token")
  file=$(resmon configure enrol web1)
  token=$(<"$file")
  [ "${#token}" -eq 64 ]
  grep -qxF "$token web1" "$RESMON_HOME/token"
  [ "$(head -n 1 "$RESMON_HOME/token")" = "$own" ]
  resmon configure revoke web1
  run grep -cF "$token" "$RESMON_HOME/token"
  [ "$output" = 0 ]
  run resmon configure revoke web1
  [ "$status" -eq 1 ]
  run resmon configure enrol '../x'
  [ "$status" -eq 2 ]
}

@test "enrol binds a token to its client's name, --any-name does not; what was written by hand is taken back as well" {
  resmon configure
  own=$(head -n 1 "$RESMON_HOME/token")
  file=$(resmon configure enrol web1 --any-name)
  grep -qxF "$(<"$file") # web1" "$RESMON_HOME/token"
  resmon configure enrol web1
  grep -qxF "$(<"$file") web1" "$RESMON_HOME/token"
  resmon configure enrol web10
  printf '# by hand\n\n\tfedcba9876543210   web1 \r\nfedcba9876543211 # web1\nfedcba9876543212 web 1\n' >>"$RESMON_HOME/token"
  resmon configure revoke web1
  [ "$(head -n 1 "$RESMON_HOME/token")" = "$own" ]
  [ "$(sed '1d; s/^[0-9a-f]* //' "$RESMON_HOME/token")" = $'web10\n# by hand\n\nweb 1' ]
  resmon configure enrol --any-name web2
  grep -qxF "$(<"$RESMON_HOME/enrolled/web2.token") # web2" "$RESMON_HOME/token"
  for wrong in 'web1 --any' 'web1 --any-name more' '--any-name' '-x' ''; do
    # shellcheck disable=SC2086 # split on purpose
    run resmon configure enrol $wrong
    [ "$status" -eq 2 ]
  done
}

@test "deploy makes each host's token for the name that it has, and for none that cannot be reached" {
  configured
  resmon start server
  mkdir "$BATS_TEST_TMPDIR/path"
  cat >"$BATS_TEST_TMPDIR/path/ssh" <<'SSH'
#!/bin/bash
target=${*: -2:1}
[[ ${*: -1} == 'bash -s -- check client' && $target != gone ]] || { echo 'no connection' >&2; exit 1; }
client='' host=$target
[[ $target != two ]] || client='the second'
[[ $target != odd ]] || host='#odd'
printf 'host=%s\nclient=%s\nroot=yes\nsudo=no\narchitecture=%s\nglibc=2.99\ninit=none\ndisk_mib=1000\nclock=%s\ninstalled=\n' \
  "$host" "$client" "$(uname -m)" "$(date +%s)"
SSH
  chmod +x "$BATS_TEST_TMPDIR/path/ssh"
  PATH=$BATS_TEST_TMPDIR/path:$PATH
  run resmon deploy client one two gone odd --allow-plaintext --server 192.0.2.1:7411 --dry-run
  [ "$status" -eq 1 ]
  [[ $output == *'ok      one '*' as one '*'ok      two '*' as the second '*'FAILED  gone '*'no connection'*'FAILED  odd '*'--name gives it another'* ]]
  [ "$(wc -l <"$RESMON_HOME/token")" -eq 1 ]
  # Each gets its token; then the copying fails.
  run resmon deploy client one two gone odd --allow-plaintext --server 192.0.2.1:7411
  [ "$status" -eq 1 ]
  [ "$(sed '1d; s/^[0-9a-f]* //' "$RESMON_HOME/token" | sort)" = $'one\nthe second' ]
  run resmon deploy client one --name other --any-name --allow-plaintext --server 192.0.2.1:7411
  [ "$(sed '1d; s/^[0-9a-f]* //' "$RESMON_HOME/token" | sort)" = $'# other\none\nthe second' ]
  for wrong in '--name #x' '--set client.host=x'; do
    # shellcheck disable=SC2086 # split on purpose
    run resmon deploy client one $wrong --dry-run
    [ "$status" -eq 2 ]
  done
}

@test "deploy has each host get the client for its architecture, whatever its C library, and says where there is none" {
  configured
  resmon start server
  mkdir "$BATS_TEST_TMPDIR/path" "$RESMON_BUILD_DIR/bin/clients"
  cp "$RESMON_BUILD_DIR/bin/resmon-client" "$RESMON_BUILD_DIR/bin/clients/resmon-client-aarch64"
  echo '# for ARM' >>"$RESMON_BUILD_DIR/bin/clients/resmon-client-aarch64"
  cat >"$BATS_TEST_TMPDIR/path/ssh" <<'SSH'
#!/bin/bash
target=${*: -2:1}
[[ ${*: -1} == 'bash -s -- check client' ]] || { echo 'no connection' >&2; exit 1; }
printf 'host=%s\nclient=\nroot=yes\nsudo=no\narchitecture=%s\nglibc=\ninit=none\ndisk_mib=1000\nclock=%s\ninstalled=\n' \
  "$target" "${target#is-}" "$(date +%s)"
SSH
  chmod +x "$BATS_TEST_TMPDIR/path/ssh"
  run before_path "$BATS_TEST_TMPDIR/path" "$ROOT/resmon" deploy client "is-$(uname -m)" is-aarch64 is-sparc64 --allow-plaintext --server 192.0.2.1:7411 --dry-run
  echo "$output"
  [ "$status" -eq 1 ]
  own=$(sha256sum <"$RESMON_BUILD_DIR/bin/resmon-client" | cut -c 1-12)
  arm=$(sha256sum <"$RESMON_BUILD_DIR/bin/clients/resmon-client-aarch64" | cut -c 1-12)
  [[ $output == *"is-$(uname -m) "*"-$own as "*'ok      is-aarch64'*"-$arm as "*'FAILED  is-sparc64'*'there is no client for it here'* ]]
}

@test "deploy --print prints a line with the name's own token, its authority and no ssh" {
  resmon configure --http-address "127.0.0.1:$HTTP_PORT" --tcp-address "127.0.0.1:$TCP_PORT"
  resmon start server
  run resmon deploy client "it's one" --print --server monitor:7411 --allow-plaintext
  echo "$output"
  [ "$status" -eq 0 ]
  token=$(sed -n "s/ it's one$//p" "$RESMON_HOME/token")
  [ -n "$token" ]
  line=${lines[-1]}
  [[ $line == *"http://monitor:$HTTP_PORT/download/resmon-client.sh"*"--server monitor:7411"*"--plaintext)" ]]
  # What a shell makes of it, with a download and an installer that only show how they were called.
  mkdir "$BATS_TEST_TMPDIR/path"
  printf '#!/bin/bash\ncat curl >"%s"\necho '\''printf "%%s\\n" "$@"'\'' >resmon-client.sh\n' "$BATS_TEST_TMPDIR/curl" >"$BATS_TEST_TMPDIR/path/curl"
  printf '#!/bin/bash\nexec "$@"\n' >"$BATS_TEST_TMPDIR/path/sudo"
  chmod +x "$BATS_TEST_TMPDIR/path"/*
  run before_path "$BATS_TEST_TMPDIR/path" sh -c "$line"
  echo "$output"
  [ "$status" -eq 0 ]
  [[ $output == *$'--name\nit\'s one\n--token-file'* ]]
  [ "$(cat "$BATS_TEST_TMPDIR/curl")" = "header = \"Authorization: Bearer $token\"" ]
  # The same again has the same token.
  [ "$(resmon deploy client "it's one" --print --server monitor:7411 --allow-plaintext | tail -n 1)" = "$line" ]
}

@test "rotate-token replaces the house's own token also where it is not the first, and leaves those of the clients" {
  resmon configure
  resmon configure enrol web1
  tac "$RESMON_HOME/token" >"$RESMON_HOME/token.other"
  own=$(tail -n 1 "$RESMON_HOME/token.other")
  chmod 600 "$RESMON_HOME/token.other"
  mv "$RESMON_HOME/token.other" "$RESMON_HOME/token"
  resmon configure rotate-token
  run cat "$RESMON_HOME/token"
  [ "${#lines[@]}" -eq 2 ]
  [[ $output != *"$own"* && ${lines[0]} != *' '* && ${lines[1]} == *' web1' ]]
}

@test "configure show --json has what is set, and no secret" {
  resmon configure
  run resmon configure show --json
  [ "$(jq -r '.server["store.directory"]' <<<"$output")" = "$RESMON_HOME/store" ]
  [[ $output != *"$(head -n 1 "$RESMON_HOME/token")"* ]]
}

@test "monitor needs a server, and shows a name only as text" {
  run resmon monitor
  [ "$status" -eq 4 ]
  run resmon monitor --sort nothing
  [ "$status" -eq 2 ]
}

@test "completion knows every subcommand and its options" {
  run resmon completion
  [ "$status" -eq 2 ]
  resmon completion bash >"$BATS_TEST_TMPDIR/completion"
  run bash -c 'source "$1"; COMP_WORDS=(resmon deploy --rol) COMP_CWORD=2; _resmon; echo "${COMPREPLY[@]}"
    COMP_WORDS=(resmon resta) COMP_CWORD=1; _resmon; echo "${COMPREPLY[@]}"' - "$BATS_TEST_TMPDIR/completion"
  [ "$output" = $'--rollback\nrestart' ]
}

@test "uninstall removes only what the list names below its prefix, and never a folder that is no state directory" {
  prefix=$BATS_TEST_TMPDIR/pre\ fix
  mkdir -p "$prefix/bin" "$prefix/share/resmon"
  touch "$prefix/bin/resmon-client" "$prefix/bin/other" "$BATS_TEST_TMPDIR/outside"
  printf '%s\n' "$prefix/bin/resmon-client" "$BATS_TEST_TMPDIR/outside" "$prefix/bin/../../outside" >"$prefix/share/resmon/manifest"
  resmon uninstall --prefix "$prefix"
  [ ! -e "$prefix/bin/resmon-client" ]
  [ -e "$prefix/bin/other" ]
  [ -e "$BATS_TEST_TMPDIR/outside" ]
  run resmon uninstall --prefix "$prefix"
  [ "$status" -eq 1 ]
  # A folder that was there before stays, also when nothing is left in it.
  mkdir -p "$prefix/empty/man1" "$prefix/share/resmon/automation"
  touch "$prefix/empty/man1/resmon.1.gz" "$prefix/share/resmon/automation/up.sh"
  printf '%s\n' "$prefix/empty/man1/resmon.1.gz" "$prefix/share/resmon/automation/up.sh" >"$prefix/share/resmon/manifest"
  resmon uninstall --prefix "$prefix"
  [ -d "$prefix/empty/man1" ]
  [ ! -e "$prefix/share/resmon" ]
  # As /var is: folders named run and log make no state directory.
  mkdir -p "$BATS_TEST_TMPDIR/precious/data" "$BATS_TEST_TMPDIR/precious/run" "$BATS_TEST_TMPDIR/precious/log"
  RESMON_HOME=$BATS_TEST_TMPDIR/precious run resmon uninstall --prefix "$prefix" --purge
  [ "$status" -eq 1 ]
  [ -d "$BATS_TEST_TMPDIR/precious/data" ]
}

@test "status and monitor show 1,000 hosts" {
  configured
  FAKE_MANY=1000 resmon start server
  run resmon status --json
  [ "$status" -eq 0 ]
  [ "$(jq '.clients | length' <<<"$output")" = 1000 ]
  run resmon status
  [ "$status" -eq 0 ]
  [ "$(grep -c 'many[0-9]*.rack' <<<"$output")" = 1000 ]
  run resmon monitor --once
  [ "$status" -eq 0 ]
  [[ $output == *'1000 machines, 1000 up'* ]]
}
