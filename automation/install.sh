# Installs programs, command, manual pages and units from this build
# shellcheck shell=bash
use process build

usage() {
  cat <<'TEXT'
Usage: ./resmon install [--prefix DIRECTORY] [--destdir DIRECTORY] [--no-build]

Installs the files of the Debian packages from this build: resmon-server,
resmon-client, resmon-load, the command resmon, the collectors in bash, manual
pages, completion, and the systemd units if PREFIX is /usr or /usr/local.
PREFIX/share/resmon/manifest lists the installed files, for uninstall.
Configuration is not touched. Run it as root, or with a PREFIX that you own.

Options:
  --prefix DIRECTORY   default /usr/local
  --destdir DIRECTORY  prepended to every path, to make a package
  --no-build           use the programs that are already built
  -h, --help           this text

Exit codes: 0 done, 1 failed, 2 usage

Examples:
  sudo ./resmon install
  ./resmon install --prefix ~/.local
TEXT
}

main() {
  local prefix=/usr/local destdir='' no_build=${RESMON_NO_BUILD-}
  local -a arguments=()
  split_equals "$@"
  set -- "${arguments[@]}"
  while (($#)); do
    case $1 in
      --prefix | --destdir)
        need_value "$1" $#
        if [[ $1 == --prefix ]]; then prefix=$2; else destdir=$2; fi
        shift
        ;;
      --no-build) no_build=yes ;;
      *) unknown_argument "$1" ;;
    esac
    shift
  done
  [[ $prefix == /* ]] || prefix=$(realpath -m -- "$prefix")
  [[ -z $destdir || $destdir == /* ]] || destdir=$(realpath -m -- "$destdir")
  need_binaries "$no_build"
  mkdir -p -- "$destdir$prefix" 2>/dev/null || true
  [[ -w $destdir$prefix ]] ||
    die failed "$destdir$prefix cannot be written" "sudo ./resmon install, or --prefix DIRECTORY"
  local log=$RESMON_HOME/log/install.log
  make_home
  DESTDIR=$destdir cmake --install "$RESMON_BUILD_DIR" --prefix "$prefix" >"$log" 2>&1 || {
    tail_of "$log"
    die failed "the installation failed"
  }
  mkdir -p -- "$destdir$prefix/share/resmon"
  sort -u -- "$RESMON_BUILD_DIR/install_manifest.txt" >"$destdir$prefix/share/resmon/manifest"
  say "installed $(wc -l <"$destdir$prefix/share/resmon/manifest") files under $destdir$prefix"
}
