# Removes the files that install has installed
# shellcheck shell=bash
use process config http house

usage() {
  cat <<'TEXT'
Usage: ./resmon uninstall [--prefix DIRECTORY] [--purge]

Removes the files listed in PREFIX/share/resmon/manifest, which './resmon
install' wrote, and resmon's own folders. For other machines:
'./resmon deploy client HOST --remove'. For Debian packages: apt-get remove.

Options:
  --prefix DIRECTORY  default /usr/local
  --purge             also stop the programs of this state directory and delete
                      it, with data and tokens
  -h, --help          this text

Exit codes: 0 done, 1 failed, 2 usage

Examples:
  sudo ./resmon uninstall
  ./resmon uninstall --prefix ~/.local --purge
TEXT
}

main() {
  local prefix=/usr/local purge='' file manifest removed=0
  local -a arguments=()
  split_equals "$@"
  set -- "${arguments[@]}"
  while (($#)); do
    case $1 in
      --prefix)
        need_value "$1" $#
        prefix=$(realpath -m -- "$2")
        shift
        ;;
      --purge) purge=yes ;;
      *) unknown_argument "$1" ;;
    esac
    shift
  done
  manifest=$prefix/share/resmon/manifest
  if [[ -r $manifest ]]; then
    [[ -w $prefix/share/resmon ]] || die failed "$prefix cannot be written" "sudo ./resmon uninstall"
    while IFS= read -r file; do
      # Only below PREFIX, whatever the list says.
      if [[ $file == "$prefix"/* && $file != *..* && (-e $file || -L $file) ]]; then
        rm -f -- "$file"
        removed=$((removed + 1))
        remove_empty "${file%/*}"
      fi
    done <"$manifest"
    rm -f -- "$manifest"
    remove_empty "$prefix/share/resmon"
    say "removed $removed files under $prefix"
  elif [[ -z $purge ]]; then
    die failed "nothing is installed under $prefix" "there is no $manifest; --prefix names another place"
  fi
  [[ -z $purge ]] || purge_home
}

# remove_empty DIRECTORY: and those above it, as long as they are resmon's: bin, share and the like were there before or are others' too.
remove_empty() {
  local directory=$1
  while [[ $directory == "$prefix"/share/resmon* || $directory == "$prefix"/share/doc/resmon* ]]; do
    rmdir -- "$directory" 2>/dev/null || return 0
    directory=${directory%/*}
  done
}

# Only a directory that is certainly a state directory is deleted.
purge_home() {
  [[ -d $RESMON_HOME ]] || return 0
  [[ -d $RESMON_HOME/run && ! -L $RESMON_HOME/run && -f $RESMON_HOME/run/lock && -d $RESMON_HOME/log && -d $RESMON_HOME/store &&
    $RESMON_HOME != / && $RESMON_HOME != "$HOME" ]] ||
    die failed "$RESMON_HOME does not look like a state directory; it stays"
  take_lock 20
  stop_all
  rm -rf -- "$RESMON_HOME"
  say "deleted $RESMON_HOME"
}
