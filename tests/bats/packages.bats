# Installing packages: with stand-ins for apt, dpkg, sudo and id, since a test must not change the machine.

load helpers/common
setup() {
  setup_house
  # Not below bats' own scratch directory: another user must reach it.
  TEST=$(mktemp -d /tmp/resmon-bats.XXXXXX)
  chmod 777 "$TEST"
  path=$TEST/path
  mkdir -m 755 "$path"
  export TEST RESMON_POLICY_FILE=$TEST/policy-rc.d
  # jq and curl are missing until the stand-in apt-get has run.
  # shellcheck disable=SC2016 # the stand-ins' own variables
  stand_in dpkg-query 'for p in "$@"; do [[ $p == jq || $p == curl ]] && [[ ! -e $TEST/installed ]] || echo "installed $p"; done'
  # shellcheck disable=SC2016 # the stand-ins' own variables
  stand_in apt-get 'echo "$*" >>"$TEST/apt"; cp "$RESMON_POLICY_FILE" "$TEST/policy-seen"; [[ $* != *install* ]] || touch "$TEST/installed"'
}
teardown() { rm -rf -- "$TEST"; }

stand_in() {
  printf '#!/bin/bash\n%s\n' "$2" >"$path/$1"
  chmod 755 "$path/$1"
}

# install [AS]: install_packages base, as the user that AS runs.
install() {
  # shellcheck disable=SC2016 # for the inner shell
  "$@" env PATH="$path:$PATH" RESMON_ROOT="$ROOT" RESMON_HOME="$TEST/state" bash -c '
    set -euo pipefail
    source "$RESMON_ROOT/automation/lib/common.sh"
    use packages
    make_home
    install_packages base </dev/null' 2>&1
}

as_nobody() {
  setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

need_root() {
  ((EUID == 0)) || skip "needs root, to become somebody else"
  as_nobody test -r "$ROOT/automation/lib/common.sh" || skip "the checkout is not readable for others"
  as_nobody test -x "$path/apt-get" || skip "the scratch directory is not readable for others"
}

@test "root installs what is missing and says so first" {
  ((EUID == 0)) || skip "needs root"
  touch "$TEST/apt"
  run install
  [ "$status" -eq 0 ]
  [[ ${lines[0]} == *'missing (2): curl jq' ]]
  [[ ${lines[1]} == 'installing them with apt-get' ]]
  grep -qx 'exit 101' "$TEST/policy-seen"
  [ ! -e "$TEST/policy-rc.d" ]
  grep -q -- '--no-install-recommends.* install curl jq' "$TEST/apt"
}

@test "nothing missing is silent and calls nothing" {
  touch "$TEST/installed"
  run install
  [ "$status" -eq 0 ]
  [ -z "$output" ]
  [ ! -e "$TEST/apt" ]
}

@test "somebody else goes through sudo" {
  need_root
  # shellcheck disable=SC2016 # the stand-in's own variables
  stand_in sudo 'echo "$*" >>"$TEST/sudo"; [[ $1 == -n ]] && shift; [[ $1 == true ]] || exec "$@"'
  run install as_nobody
  [ "$status" -eq 0 ]
  [[ $output == *'with sudo apt-get'* ]]
  grep -q 'apt_install.sh curl jq' "$TEST/sudo"
}

@test "without sudo the exact command is printed" {
  need_root
  ! command -v sudo || skip "sudo is installed here"
  run install as_nobody
  [ "$status" -eq 1 ]
  [[ $output == *'apt-get install --no-install-recommends curl jq'* ]]
  [ ! -e "$TEST/apt" ]
}

@test "sudo that needs a password where nobody can type one: the exact command is printed" {
  need_root
  stand_in sudo 'exit 1'
  run install as_nobody
  [ "$status" -eq 1 ]
  [[ $output == *'apt-get install --no-install-recommends curl jq'* ]]
}

@test "apt's last words are shown when it fails" {
  ((EUID == 0)) || skip "needs root"
  stand_in apt-get 'echo "E: Unable to locate package jq"; exit 100'
  run install
  [ "$status" -eq 1 ]
  [[ $output == *'Unable to locate package jq'* ]]
}

@test "Debian's docker is not put beside another one" {
  packages_of_docker() {
    # shellcheck disable=SC2016 # for the inner shell
    env PATH="$1" RESMON_ROOT="$ROOT" RESMON_HOME="$TEST/state" /bin/bash -c '
      source "$RESMON_ROOT/automation/lib/common.sh"
      use packages
      packages_in docker' 2>&1
  }
  for program in bash awk dirname realpath id uname; do ln -s "$(command -v "$program")" "$path/$program"; done
  run packages_of_docker "$path"
  [[ $output == *docker.io* ]]
  stand_in dockerd true
  # shellcheck disable=SC2016 # the stand-in's own
  stand_in docker '[[ $* == "compose version" ]]'
  run packages_of_docker "$path"
  [ "$status" -eq 0 ]
  [ -z "$output" ]
}

@test "every section that a suite names is in packages.txt" {
  sections=$(sed -n '/^suites_table/,/^TABLE$/p' "$ROOT/automation/test.sh" | awk '$2 ~ /^(default|asked)$/ && $4 != "-" { gsub(/,/, "\n", $4); print $4 }')
  [[ $sections == *influxdb* && $sections == *fuzz* ]]
  for section in base build node test $sections; do
    grep -qxF "[$section]" "$ROOT/automation/packages.txt"
  done
}
