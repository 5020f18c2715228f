# The three Debian packages as cpack makes them: lintian's word on them, how much their units may do, and their life in a clean Debian:
# installed by apt, server and client running from what they brought, removed and purged. systemd does not run there; the units are
# looked at with `systemd-analyze`, and the programs are started by the units' own lines, as the units' user.

setup_file() {
  ROOT=$(realpath -- "$BATS_TEST_DIRNAME/../..")
  BUILD=${RESMON_BUILD_DIR:-$ROOT/build}
  export ROOT BUILD debs=$BATS_FILE_TMPDIR/debs
  (cd "$BUILD" && cpack -B "$debs")
}

@test "cpack makes three packages" {
  [ "$(cd "$debs" && printf '%s\n' *.deb | sed 's/_.*//' | LC_ALL=C sort | paste -sd ' ')" = 'resmon resmon-client resmon-server' ]
  for file in "$debs"/*.deb; do
    [[ $(dpkg-deb --field "$file" Maintainer) == *'<'*@*.*'>' ]]
    [ -n "$(dpkg-deb --field "$file" Description)" ]
  done
  # The client has the C library inside, so its package installs on every Debian and Ubuntu.
  [[ $(dpkg-deb --field "$debs"/resmon-client_*.deb Depends) != *libc6* ]]
  [[ $(dpkg-deb --field "$debs"/resmon-server_*.deb Depends) == *libc6* ]]
  [[ $(dpkg-deb --contents "$debs"/resmon-server_*.deb) == *"/usr/lib/resmon/clients/resmon-client-$(uname -m)"* ]]
}

@test "lintian finds no error and no warning" {
  run lintian --allow-root --fail-on error,warning "$debs"/*.deb
  echo "$output"
  [ "$status" -eq 0 ]
}

@test "systemd-analyze finds the units right, and little that they may do" {
  for role in client server; do
    dpkg-deb --extract "$debs"/resmon-"$role"_*.deb "$BATS_TEST_TMPDIR/$role"
    run systemd-analyze security --offline=true --no-pager --threshold=20 "$BATS_TEST_TMPDIR/$role/usr/lib/systemd/system/resmon-$role.service"
    echo "${lines[-1]}"
    [ "$status" -eq 0 ]
  done
}

@test "what the server writes is in the directories that its unit lets it write" {
  dpkg-deb --extract "$debs"/resmon-server_*.deb "$BATS_TEST_TMPDIR/server"
  local unit=$BATS_TEST_TMPDIR/server/usr/lib/systemd/system/resmon-server.service config=$BATS_TEST_TMPDIR/server/etc/resmon/server.toml
  local state log
  state=/var/lib/$(sed -n 's/^StateDirectory=//p' "$unit") log=/var/log/$(sed -n 's/^LogsDirectory=//p' "$unit")
  grep -qx 'ProtectSystem=strict' "$unit"
  grep -qx "directory = \"$state\"" "$config"
  # The page writes it: without the option it is in store.directory.
  run grep -E '^rules_file' "$config"
  [ -z "$output" ]
  grep -qx "file = \"$log/server.log\"" "$config"
}

@test "in a clean Debian: installed by apt, the client's data at the server, by the units' lines and by start; purged without a trace" {
  ((EUID == 0)) || skip "needs root, for debootstrap and a chroot"
  # The chroot has the machine's network.
  read -r http tcp house_http house_tcp < <(shuf -i 20000-31999 -n 4 | paste -sd ' ')
  local file
  local -a with=()
  for file in "$debs"/*.deb; do with+=(--with "$file"); done
  run "$ROOT/tests/container/clean.sh" --chroot --with "$BATS_TEST_DIRNAME/life" "${with[@]}" \
    bash /machine/files/life "$http" "$tcp" "$house_http" "$house_tcp"
  echo "$output"
  [ "$status" -eq 0 ]
}
