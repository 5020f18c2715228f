# Which Debian packages are missing, and getting them: automation/packages.txt is the one list.
# shellcheck shell=bash

# packages_in SECTION…: the packages of those sections of packages.txt, one a line.
packages_in() {
  local section
  for section in "$@"; do
    [[ $section != node ]] || node_is_missing || continue
    [[ $section != docker ]] || docker_is_missing || continue
    awk -v want="[$section]" '
      { sub(/#.*/, ""); gsub(/[ \t]/, "") }
      /^\[.*\]$/ { inside = ($0 == want); next }
      inside && $0 != "" { print }
    ' "$RESMON_ROOT/automation/packages.txt"
  done
}

# Node from elsewhere (nodesource, nvm, a container image) is as good, and Debian's npm would fight with it.
node_is_missing() {
  local version
  have node && have npm || return 0
  version=$(node --version 2>/dev/null) || return 0
  version=${version#v}
  version=${version%%.*}
  ! [[ $version =~ ^[0-9]+$ ]] || ((version < 18))
}

# Docker's own packages cannot be beside Debian's.
docker_is_missing() {
  ! { have docker && have dockerd && { docker compose version >/dev/null 2>&1 || have docker-compose; }; }
}

# missing_packages SECTION…: sets `missing` to those that dpkg does not know as installed.
missing_packages() {
  local package
  local -A installed=()
  local -a wanted
  missing=()
  mapfile -t wanted < <(packages_in "$@")
  ((${#wanted[@]})) || return 0
  while read -r package; do
    installed[$package]=yes
  done < <(dpkg-query --show --showformat '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null |
    sed -n 's/^installed //p')
  for package in "${wanted[@]}"; do
    [[ -n ${installed[$package]-} ]] || missing+=("$package")
  done
}

# install_packages SECTION…: announces and installs missing packages. Uses sudo if the caller is not root.
install_packages() {
  local log=$RESMON_HOME/log/apt.log command
  local -a run=(bash "$RESMON_ROOT/automation/lib/apt_install.sh")
  if ! have dpkg-query || ! have apt-get; then
    warn "this is not a Debian system; the packages in automation/packages.txt ($*) must be there already"
    return 0
  fi
  missing_packages "$@"
  ((${#missing[@]})) || return 0
  command="apt-get install --no-install-recommends ${missing[*]}"
  say "Debian packages that are missing (${#missing[@]}): ${missing[*]}"
  if ((EUID == 0)); then
    say "installing them with apt-get"
  elif have sudo; then
    say "installing them with sudo apt-get"
    # Asked for here, so that the password prompt is not lost in the log.
    if [[ -t 0 ]]; then sudo -v || die failed "sudo was refused; as root, run:" "$command"; fi
    sudo -n true 2>/dev/null || die failed "sudo needs a password, and there is no terminal to ask on; as root, run:" "$command"
    run=(sudo -n "${run[@]}")
  else
    die failed "packages are missing, and this is neither root nor is there sudo; as root, run:" "$command"
  fi
  if ! "${run[@]}" "${missing[@]}" </dev/null >"$log" 2>&1; then
    tail_of "$log" 25
    die failed "apt-get failed; to try by hand, as root:" "$command"
  fi
  missing_packages "$@"
  ((${#missing[@]} == 0)) || die failed "apt-get succeeded, but these packages are still missing: ${missing[*]}"
}
