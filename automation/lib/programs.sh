# Which client program a machine gets, by what `uname -m` says there, and what a program file is.
# shellcheck shell=bash

# architecture_of FILE: what `uname -m` says where that program runs; nothing for one that is not of a known machine, such as a script.
architecture_of() {
  local magic machine
  magic=$(od -An -tx1 -N4 -- "$1" 2>/dev/null | tr -d ' ') || magic=
  [[ $magic == 7f454c46 ]] || return 0
  machine=$(od -An -tu1 -j18 -N1 -- "$1" | tr -d ' ')
  case $machine in
    3) printf i686 ;;
    40) printf armv7l ;;
    62) printf x86_64 ;;
    183) printf aarch64 ;;
    243) printf riscv64 ;;
  esac
}

# client_folders: where static clients are, newest build first: those that the build leaves, `release`'s, a package's.
client_folders() { printf '%s\n' "$RESMON_BUILD_DIR/bin/clients" "$RESMON_ROOT/dist" "$RESMON_ROOT/../../lib/resmon/clients"; }

# client_for ARCHITECTURE: the file of the client for machines of which `uname -m` says that; fails where there is none.
client_for() {
  local folder own=$RESMON_BUILD_DIR/bin/resmon-client
  while IFS= read -r folder; do
    if [[ -x $folder/resmon-client-$1 && ! $own -nt $folder/resmon-client-$1 ]]; then
      printf '%s' "$folder/resmon-client-$1"
      return
    fi
  done < <(client_folders)
  [[ -x $own && $1 == "$(uname -m)" ]] || {
    # Older than this build's own program: still the newest that there is for that architecture.
    while IFS= read -r folder; do
      [[ -x $folder/resmon-client-$1 ]] || continue
      printf '%s' "$folder/resmon-client-$1"
      return
    done < <(client_folders)
    return 1
  }
  printf '%s' "$own"
}
