# Another architecture's headers and static libraries, from Debian's packages, in a folder: nothing is installed on this machine and
# dpkg's own architectures stay as they are.
# shellcheck shell=bash
use packages

# sysroot_of ARCHITECTURE: the folder for it in this checkout. `release` and the tests have one, so they compile the same.
sysroot_of() { printf '%s' "$RESMON_ROOT/build-sysroot-$1"; }

# make_sysroot ARCHITECTURE DIRECTORY LOG: the libraries of packages.txt's [build], with what they need, unpacked in DIRECTORY; their
# names and versions in DIRECTORY/packages. apt resolves them by its own rules and checks its signatures, with lists and a state of
# its own. Does nothing when it is there for the same list of packages.
make_sysroot() {
  local architecture=$1 directory=$2 log=$3 state=$2/.apt file
  local -a wanted apt
  mapfile -t wanted < <(packages_in build | grep -E '^(lib|zlib).*-dev$' && echo libc6-dev)
  [[ ! -s $directory/packages || $(head -n 1 "$directory/packages") != "# ${wanted[*]}" ]] || return 0
  { have apt-get && have dpkg-deb; } || die failed "apt-get and dpkg-deb are needed for a build for $architecture" "build on Debian"
  rm -rf -- "$directory"
  mkdir -p -- "$state"/{lists,archives}/partial "${log%/*}"
  : >"$state/status"
  apt=(apt-get -o "APT::Architecture=$architecture" -o "APT::Architectures::=$architecture" -o "Dir::State=$state"
    -o "Dir::State::status=$state/status" -o "Dir::Cache=$state" -o "Dir::Cache::archives=$state/archives"
    -o APT::Sandbox::User=root -o Acquire::Languages=none -o APT::Install-Recommends=false -o Acquire::Retries=3)
  progress "packages for $architecture…"
  if ! { "${apt[@]}" update && "${apt[@]}" -y --download-only install "${wanted[@]/%/:$architecture}"; } >"$log" 2>&1 </dev/null; then
    progress_end
    tail_of "$log" 15
    die failed "the packages for $architecture could not be fetched; the whole output: $log"
  fi
  for file in "$state"/archives/*.deb; do
    dpkg-deb -x "$file" "$directory"
    dpkg-deb -f "$file" Package Version Architecture Source | LC_ALL=C awk -F': ' '
      { value[$1] = $2 }
      END {
        source = value["Source"] == "" ? value["Package"] : value["Source"]
        sub(/ .*/, "", source)
        print value["Package"], value["Version"], value["Architecture"], source
      }'
  done | LC_ALL=C sort >"$directory/packages.new"
  { printf '# %s\n' "${wanted[*]}" && cat -- "$directory/packages.new"; } >"$directory/packages"
  rm -rf -- "$directory/packages.new" "$state"
  progress_end
}
