# packaging/installer/resmon-client.sh, with stand-ins for everything that would change this machine, and the real client.

setup() {
  ROOT=$(realpath -- "$BATS_TEST_DIRNAME/../..")
  installer=$ROOT/packaging/installer/resmon-client.sh
  export RESMON_INSTALL_ROOT=$BATS_TEST_TMPDIR/root RESMON_INSTALL_WAIT=0 CALLS=$BATS_TEST_TMPDIR/calls
  bin=$BATS_TEST_TMPDIR/path
  mkdir -p "$RESMON_INSTALL_ROOT"/{etc/systemd/system,etc/init.d} "$bin"
  : >"$CALLS"
  for command in systemctl rc-update rc-service sv useradd chown su; do stand_in "$command" 'exit 0'; done
  # shellcheck disable=SC2016 # the stand-in expands it
  stand_in id 'case ${1-} in -u) echo 0 ;; *) exit 1 ;; esac'
  stand_in pgrep 'echo 4242'
  # shellcheck disable=SC2016 # the stand-in expands it
  stand_in crontab 'if [ "$1" = - ]; then cat >"$CALLS.new"; mv "$CALLS.new" "$CALLS.crontab"; else cat "$CALLS.crontab" 2>/dev/null; fi'
  # Only these and the coreutils: the machine's own service manager is out of sight.
  for command in sh cat cp mv rm rmdir mkdir chmod ln mktemp head cut grep sed sha256sum uname sleep; do
    ln -s "$(command -v "$command")" "$bin/$command"
  done
  program release-1
  printf 'token-0123456789abcdef\n' >"$BATS_TEST_TMPDIR/token"
  printf 'the authority\n' >"$BATS_TEST_TMPDIR/ca.crt"
  toml=$RESMON_INSTALL_ROOT/etc/resmon/client.toml
  installed=$RESMON_INSTALL_ROOT/usr/local/bin/resmon-client
}

# stand_in NAME TEXT: a command that notes its call, and then does TEXT.
stand_in() {
  rm -f "$bin/$1"
  # shellcheck disable=SC2016 # the stand-in expands it
  printf '#!/bin/sh\necho "%s $*" >>"$CALLS"\n%s\n' "$1" "$2" >"$bin/$1"
  chmod +x "$bin/$1"
}

program() {
  printf '#!/bin/sh\necho "resmon-client %s"\n' "$1" >"$BATS_TEST_TMPDIR/program"
  chmod +x "$BATS_TEST_TMPDIR/program"
}

only() {
  local command
  for command in systemctl rc-update rc-service sv crontab; do [[ " $* " == *" $command "* ]] || rm -f "$bin/$command"; done
}

installer() { PATH=$bin "$bin/sh" "$installer" "$@"; }
install_it() {
  installer install --server monitor:7411 --name 'we"b' --token-file "$BATS_TEST_TMPDIR/token" --ca-file "$BATS_TEST_TMPDIR/ca.crt" \
    --program "$BATS_TEST_TMPDIR/program"
}

@test "with systemd: program, user, settings, unit; a second time keeps the settings; removed, and purged" {
  mkdir -p "$RESMON_INSTALL_ROOT/run/systemd/system"
  run install_it
  echo "$output"
  [ "$status" -eq 0 ]
  [[ $output == *'resmon-client release-1 runs (systemd)' ]]
  [ -x "$installed" ]
  [ "$(stat -c %a "$RESMON_INSTALL_ROOT/etc/resmon/client.token" "$toml" | paste -sd ' ')" = '640 640' ]
  grep -qxF 'servers = ["monitor:7411"]' "$toml"
  grep -qxF 'host = "we\"b"' "$toml"
  grep -qxF 'ca_file = "/etc/resmon/ca.crt"' "$toml"
  grep -q '^ExecStart=/usr/local/bin/resmon-client --config /etc/resmon/client.toml$' "$RESMON_INSTALL_ROOT/etc/systemd/system/resmon-client.service"
  grep -q '^useradd --system' "$CALLS"
  grep -qx 'systemctl enable resmon-client.service' "$CALLS"
  grep -qx 'systemctl restart resmon-client.service' "$CALLS"
  # The token was on no command line.
  [ "$(grep -c 0123456789abcdef "$CALLS")" -eq 0 ]
  echo '# mine' >>"$toml"
  run install_it
  [ "$status" -eq 0 ]
  grep -qx '# mine' "$toml"
  run installer remove
  [ "$status" -eq 0 ]
  [ ! -e "$installed" ] && [ ! -e "$RESMON_INSTALL_ROOT/etc/systemd/system/resmon-client.service" ] && [ -e "$toml" ]
  grep -qx 'systemctl disable resmon-client.service' "$CALLS"
  run installer remove --purge
  [ "$status" -eq 0 ]
  [ ! -e "$RESMON_INSTALL_ROOT/etc/resmon" ]
}

@test "the program is what the client takes" {
  [ -x "${RESMON_BUILD_DIR:-$ROOT/build}/bin/resmon-client" ] || skip "resmon-client is not built"
  mkdir -p "$RESMON_INSTALL_ROOT/run/systemd/system"
  install_it
  sed -i "s#/etc/resmon#$RESMON_INSTALL_ROOT/etc/resmon#; s#\"/var#\"$RESMON_INSTALL_ROOT/var#" "$toml"
  chmod 600 "$RESMON_INSTALL_ROOT/etc/resmon/client.token"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=ca \
    -out "$RESMON_INSTALL_ROOT/etc/resmon/ca.crt" 2>/dev/null
  run "${RESMON_BUILD_DIR:-$ROOT/build}/bin/resmon-client" --config "$toml" --check-config
  echo "$output"
  [ "$status" -eq 0 ]
}

@test "with OpenRC, runit and cron" {
  only rc-update rc-service
  run install_it
  echo "$output"
  [[ $status -eq 0 && $output == *'runs (openrc)' ]]
  grep -q '^command_args="--config /etc/resmon/client.toml"$' "$RESMON_INSTALL_ROOT/etc/init.d/resmon-client"
  grep -qx 'rc-service resmon-client restart' "$CALLS"
  installer remove
  only
  stand_in sv 'exit 0'
  mkdir -p "$RESMON_INSTALL_ROOT"/{etc/sv,etc/service}
  run install_it
  [[ $status -eq 0 && $output == *'runs (runit)' ]]
  [ -x "$RESMON_INSTALL_ROOT/etc/sv/resmon-client/run" ] && [ -L "$RESMON_INSTALL_ROOT/etc/service/resmon-client" ]
  installer remove
  [ ! -e "$RESMON_INSTALL_ROOT/etc/sv/resmon-client" ]
  rm -f "$bin/sv"
  # shellcheck disable=SC2016 # the stand-in expands it
  stand_in crontab 'if [ "$1" = - ]; then cat >"$CALLS.new"; mv "$CALLS.new" "$CALLS.crontab"; else cat "$CALLS.crontab" 2>/dev/null; fi'
  stand_in pgrep 'echo 2147483646' # nobody's
  echo '5 * * * * mine' >"$CALLS.crontab"
  run install_it
  [[ $output == *'runs (cron)' ]]
  install_it
  [ "$(grep -c '^@reboot su ' "$CALLS.crontab")" -eq 1 ]
  installer remove
  [ "$(cat "$CALLS.crontab")" = '5 * * * * mine' ]
}

@test "an upgrade that does not stay up goes back" {
  mkdir -p "$RESMON_INSTALL_ROOT/run/systemd/system"
  install_it
  program release-2
  run installer upgrade --program "$BATS_TEST_TMPDIR/program"
  [[ $status -eq 0 && $output == *'resmon-client release-2 runs'* ]]
  program release-3
  stand_in pgrep 'exit 1'
  run installer upgrade --program "$BATS_TEST_TMPDIR/program"
  [ "$status" -eq 1 ]
  [[ $output == *'went back'* ]]
  [ "$("$installed")" = 'resmon-client release-2' ]
}

@test "a download is checked, and its token is on no command line" {
  mkdir -p "$RESMON_INSTALL_ROOT/run/systemd/system"
  # Answers as the server does; with DAMAGED the program is another.
  # shellcheck disable=SC2016 # the stand-in expands it
  stand_in curl 'config=$2; while [ $# -gt 1 ]; do [ "$1" != --output ] || out=$2; shift; done
grep -q "Bearer token-0123456789abcdef" "$config" && grep -q "cacert = " "$config" || exit 22
case $1 in
  https://monitor:7412/download/resmon-client-*.sha256) echo "$(sha256sum "$PROGRAM" | cut -d " " -f 1)  x" >"$out" ;;
  https://monitor:7412/download/resmon-client-*) cp "$PROGRAM" "$out"; [ -z "${DAMAGED-}" ] || echo >>"$out" ;;
  *) exit 22 ;;
esac'
  export PROGRAM=$BATS_TEST_TMPDIR/program
  run installer install --server monitor:7411 --token-file "$BATS_TEST_TMPDIR/token" --ca-file "$BATS_TEST_TMPDIR/ca.crt" --url https://monitor:7412/
  echo "$output"
  [ "$status" -eq 0 ]
  [ "$(grep -c 0123456789abcdef "$CALLS")" -eq 0 ]
  DAMAGED=yes run installer upgrade --url https://monitor:7412
  [ "$status" -eq 1 ]
  [[ $output == *'checksum differs'* ]]
  [ "$("$installed")" = 'resmon-client release-1' ]
}

@test "wrong use says so" {
  for wrong in '' 'install' 'install --server' 'sing' 'remove --all'; do
    # shellcheck disable=SC2086 # split on purpose
    run installer $wrong
    [ "$status" -eq 2 ]
  done
}
