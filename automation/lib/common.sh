# Sourced by ./resmon before any subcommand: where things are, how to speak to the person, and how to fail.
# Progress and complaints go to standard error; facts that were asked for go to standard output.
# shellcheck shell=bash

# Installed, not in its repository: the programs are in PREFIX/bin, and each user has a state directory.
if [[ $RESMON_ROOT == */share/resmon && ! -e $RESMON_ROOT/CMakeLists.txt ]]; then
  RESMON_BUILD_DIR=${RESMON_BUILD_DIR:-${RESMON_ROOT%/share/resmon}}
  RESMON_HOME=${RESMON_HOME:-${XDG_STATE_HOME:-${HOME:-/root}/.local/state}/resmon}
  export RESMON_NO_BUILD=1
fi

# State lives under RESMON_HOME, binaries under RESMON_BUILD_DIR/bin. Absolute, whatever the caller's directory is.
RESMON_HOME=$(realpath -m -- "${RESMON_HOME:-$RESMON_ROOT/.resmon}")
RESMON_BUILD_DIR=$(realpath -m -- "${RESMON_BUILD_DIR:-$RESMON_ROOT/build}")
export RESMON_HOME RESMON_BUILD_DIR

# use NAME…: sources automation/lib/NAME.sh once.
declare -A used_libraries=()
use() {
  local name
  for name in "$@"; do
    [[ -z ${used_libraries[$name]-} ]] || continue
    used_libraries[$name]=yes
    # shellcheck source=/dev/null
    source "$RESMON_ROOT/automation/lib/$name.sh"
  done
}

# exit_code NAME: the public contract's codes by name, as lib/base/exit_code.h has them.
exit_code() {
  case $1 in
    done) printf 0 ;;
    usage) printf 2 ;;
    configuration) printf 3 ;;
    connection) printf 4 ;;
    damaged) printf 5 ;;
    *) printf 1 ;;
  esac
}

# printable TEXT: TEXT with all that is not printable shown as '?', so that no name can drive the terminal: control
# characters (also those of ISO 8859), line separators, what changes the direction of text or is not seen, and bytes
# that are not UTF-8. As printable() in lib/base/json_text.cc, by bytes, so that it is the same in every locale.
printable() {
  local LC_ALL=C text=$1
  text=${text//[[:cntrl:]]/?}
  if [[ $text == *[$'\x80'-$'\xff']* ]]; then
    if ! iconv -f UTF-8 -t UTF-8 <<<"$text" >/dev/null 2>&1; then
      text=${text//[$'\x80'-$'\xff']/?}
    fi
    text=${text//$'\xc2'[$'\x80'-$'\x9f'$'\xad']/?}
    text=${text//$'\xd8\x9c'/?}
    text=${text//$'\xe2\x80'[$'\x8b'-$'\x8f'$'\xa8'-$'\xae']/?}
    text=${text//$'\xe2\x81'[$'\xa0'-$'\xaf']/?}
    text=${text//$'\xef\xbb\xbf'/?}
    text=${text//$'\xf3\xa0'[$'\x80'-$'\xbf'][$'\x80'-$'\xbf']/?}
  fi
  printf '%s' "$text"
}

# colours DESCRIPTOR: whether output to it may be coloured.
colours() {
  [[ -t $1 && -z ${NO_COLOR-} && ${TERM:-dumb} != dumb ]]
}

# paint DESCRIPTOR COLOUR TEXT: TEXT for that descriptor, coloured only when it is a terminal.
paint() {
  local code
  case $2 in
    red) code=31 ;;
    green) code=32 ;;
    yellow) code=33 ;;
    blue) code=34 ;;
    bold) code=1 ;;
    faint) code=2 ;;
    *) code=0 ;;
  esac
  if colours "$1"; then printf '\033[%sm%s\033[0m' "$code" "$3"; else printf '%s' "$3"; fi
}

say() { printf '%s\n' "$*" >&2; }
warn() { printf '%s %s\n' "$(paint 2 yellow warning:)" "$*" >&2; }

# die CODE-NAME MESSAGE…: MESSAGE's further arguments are printed as further lines.
die() {
  local code
  code=$(exit_code "$1")
  shift
  progress_end
  printf '%s %s\n' "$(paint 2 red resmon:)" "$1" >&2
  shift
  (($# == 0)) || printf '  %s\n' "$@" >&2
  exit "$code"
}

# progress TEXT: one line that overwrites itself on a terminal; elsewhere a line each time it is called.
progress_open=
progress() {
  if [[ -t 2 ]]; then
    printf '\r\033[K%s' "$*" >&2
    progress_open=yes
  else
    say "$*"
  fi
}

progress_end() {
  [[ -z $progress_open ]] || printf '\r\033[K' >&2
  progress_open=
}

have() { command -v -- "$1" >/dev/null 2>&1; }

# wants_help ARG…: whether --help or -h is among the arguments before a lone --.
wants_help() {
  local argument
  for argument in "$@"; do
    case $argument in
      --) return 1 ;;
      -h | --help) return 0 ;;
    esac
  done
  return 1
}

# split_equals ARG…: sets `arguments` with each --name=value before a lone -- made two words, as all option loops expect.
split_equals() {
  arguments=()
  while (($#)); do
    case $1 in
      --)
        arguments+=("$@")
        return 0
        ;;
      --?*=*) arguments+=("${1%%=*}" "${1#*=}") ;;
      *) arguments+=("$1") ;;
    esac
    shift
  done
}

# need_value OPTION COUNT: fails unless the option loop still has a value for OPTION; COUNT is its $#.
need_value() {
  (($2 >= 2)) || die usage "$1 needs a value"
}

# check_number WHAT VALUE LEAST MOST
check_number() {
  local value=$2
  if ! [[ $value =~ ^(0|[1-9][0-9]{0,8})$ ]] || ((value < $3 || value > $4)); then
    die usage "$1 must be a whole number from $3 to $4, not '$(printable "$value")'"
  fi
}

# unknown_argument TEXT: fails, and names the nearest option of the subcommand's own help.
unknown_argument() {
  local near=''
  [[ $1 != -* ]] || near=$(usage 2>/dev/null | grep -oE -- '--[a-z][a-z-]+' | sort -u | nearest "$1") || near=
  die usage "unknown argument '$(printable "$1")'${near:+; did you mean $near?}" "'./resmon ${subcommand:-} --help' lists the options"
}

# nearest WORD: of the words on standard input, one a line, the one that WORD is a typing error of: at most a third of its letters
# inserted, deleted, replaced or swapped with their neighbours. Prints nothing if there is none.
nearest() {
  WORD=${1:0:64} LC_ALL=C awk '
    function least(x, y) { return x < y ? x : y }
    function distance(a, b,    i, j, n, m, cost, d) {
      n = length(a); m = length(b)
      for (i = 0; i <= n; i++) d[i, 0] = i
      for (j = 0; j <= m; j++) d[0, j] = j
      for (i = 1; i <= n; i++) for (j = 1; j <= m; j++) {
        cost = substr(a, i, 1) != substr(b, j, 1)
        d[i, j] = least(least(d[i - 1, j], d[i, j - 1]) + 1, d[i - 1, j - 1] + cost)
        if (i > 1 && j > 1 && substr(a, i, 1) == substr(b, j - 1, 1) && substr(a, i - 1, 1) == substr(b, j, 1))
          d[i, j] = least(d[i, j], d[i - 2, j - 2] + 1)
      }
      return d[n, m]
    }
    BEGIN { word = ENVIRON["WORD"]; best = int((length(word) + 2) / 3) + 1 }
    { found = distance(word, $0); if (found < best) { best = found; answer = $0 } }
    END { if (answer != "") print answer }'
}

# make_home: the state directory and its parts, for the owner only.
make_home() {
  (
    umask 077
    mkdir -p -- "$RESMON_HOME" "$RESMON_HOME/run" "$RESMON_HOME/log" "$RESMON_HOME/store"
    chmod 0700 -- "$RESMON_HOME"
  ) 2>/dev/null || die failed "cannot create the state directory $RESMON_HOME: $(why_not_writable "$RESMON_HOME")" \
    "choose another with RESMON_HOME=DIRECTORY"
}

# why_not_writable PATH: the reason why this user cannot create PATH.
why_not_writable() {
  local at=$1
  until [[ -e $at || $at == / ]]; do at=$(dirname -- "$at"); done
  if [[ ! -d $at ]]; then
    printf '%s is not a directory' "$at"
  elif [[ ! -w $at || ! -x $at ]]; then
    printf '%s cannot be written by %s' "$at" "$(id -un 2>/dev/null || printf 'this user')"
  else
    printf '%s' "$(LC_ALL=C mkdir -p -- "$1" 2>&1 | sed 's/.*: //' | tail -n 1)"
  fi
}

# free_mebibytes PATH: the free space for this user in the file system of PATH, or of its nearest existing parent.
free_mebibytes() {
  local at=$1 mebibytes
  until [[ -d $at ]]; do at=$(dirname -- "$at"); done
  mebibytes=$(df --output=avail --block-size=1M -- "$at" | tail -n 1)
  printf '%s' "${mebibytes//[[:space:]]/}"
}

# write_private FILE: standard input, for the owner only, in one step.
write_private() {
  (umask 077 && cat >"$1.new") && mv -f -- "$1.new" "$1"
}

# tail_of FILE [LINES]: the end of a log, indented, for a person to see why something failed.
tail_of() {
  [[ -s $1 ]] || return 0
  say "  --- the end of $1"
  tail -n "${2:-15}" -- "$1" | tr -d '\000-\010\013-\037\177' | sed 's/^/  | /' >&2
}
