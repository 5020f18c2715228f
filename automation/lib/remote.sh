# Other machines over ssh: the user's own keys and configuration, never a password, never a secret on a command line.
# shellcheck shell=bash

# valid_host TEXT: [user@]host[:port], [user@][v6]:port, or a name from the user's ssh configuration. Never an option, never a
# word that a shell could take apart.
valid_host() {
  [[ $1 =~ ^([A-Za-z0-9_][A-Za-z0-9_.-]{0,63}@)?([A-Za-z0-9][A-Za-z0-9_.-]{0,252}|\[[0-9A-Fa-f:.]+\])(:[1-9][0-9]{0,4})?$ ]]
}

# ssh_options HOST: sets `target` and `options` for ssh.
ssh_options() {
  local rest=$1 pattern=':([0-9]+)$'
  options=(-o BatchMode=yes -o ConnectTimeout="${RESMON_SSH_TIMEOUT:-10}" -o ServerAliveInterval=5 -o ServerAliveCountMax=6
    -o LogLevel=ERROR)
  [[ -z ${RESMON_SSH_CONFIG-} ]] || options+=(-F "$RESMON_SSH_CONFIG")
  if [[ $rest =~ $pattern && ($rest == *']:'* || $rest != *:*:*) ]]; then
    options+=(-p "${BASH_REMATCH[1]}")
    rest=${rest%:*}
  fi
  rest=${rest/\[/}
  target=${rest/\]/}
}

# on_host HOST COMMAND: standard input goes along; COMMAND is a text of ours, never a caller's.
on_host() {
  local target
  local -a options
  ssh_options "$1"
  ssh "${options[@]}" -- "$target" "$2"
}

# host_verb HOST ROLE VERB: the script that deploy left there. Through sudo where the user is not root but may.
host_verb() {
  local words=${*:3}
  # shellcheck disable=SC2016 # expanded there
  on_host "$1" 'set -- '"$2 $words"'
    run() { "$@"; }
    script=$HOME/.local/resmon/$1/current/host.sh
    if [ "$(id -u)" = 0 ]; then script=/opt/resmon/$1/current/host.sh
    elif [ -e "/opt/resmon/$1/current/host.sh" ] && sudo -n true 2>/dev/null; then
      script=/opt/resmon/$1/current/host.sh
      run() { sudo -n "$@"; }
    fi
    if [ ! -e "$script" ]; then echo "resmon-$1 is not installed there: ./resmon deploy installs it" >&2; exit 1; fi
    role=$1; verb=$2; shift 2
    run bash "$script" "$verb" "$role" "$@"' </dev/null
}

# number_fact NAME TEXT: as fact, for arithmetic; 0 for anything but digits. Bash runs commands that stand in the subscript of a
# number, so a host's answer must never be one.
number_fact() {
  local value
  value=$(fact "$1" "$2")
  [[ $value =~ ^(0|[1-9][0-9]{0,14})$ ]] || value=0
  printf '%s' "$value"
}

# fact NAME TEXT: the value of NAME=… in a host's answer, with nothing in it that could drive a terminal.
fact() {
  local line
  while IFS= read -r line; do
    if [[ $line == "$1="* ]]; then
      printable "${line#*=}"
      return 0
    fi
  done <<<"$2"
}
