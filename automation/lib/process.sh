# Background processes with pid files that survive pid reuse.
#
# A pid alone says nothing a week later: the kernel hands numbers out again. A pid file here is "PID START BOOT": the
# process's start time in ticks since boot (field 22 of /proc/PID/stat) and the boot's id. Only a process that matches all
# three is ours, so a recycled pid is never signalled. Each process leads its own session: the terminal's Ctrl-C does not reach
# it, and whatever it left behind in its group can be ended with it.
# shellcheck shell=bash

pid_file() { printf '%s' "$RESMON_HOME/run/$1.pid"; }

boot_id() { cat /proc/sys/kernel/random/boot_id 2>/dev/null || printf unknown; }

# process_stat PID: the fields of /proc/PID/stat from the third on; fails when there is no such process or it is a zombie.
process_stat() {
  local stat
  [[ $1 =~ ^[1-9][0-9]*$ ]] || return 1
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
  stat=${stat##*) } # the name in parentheses may itself hold spaces and parentheses
  [[ $stat != [ZX]* ]] || return 1
  printf '%s' "$stat"
}

# process_start PID: its start time in ticks since boot.
process_start() {
  local stat
  local -a fields
  stat=$(process_stat "$1") || return 1
  read -r -a fields <<<"$stat"
  printf '%s' "${fields[19]}"
}

# pid_of NAME: prints the pid of the running process NAME; fails when it does not run.
pid_of() {
  local pid start boot now
  read -r pid start boot 2>/dev/null <"$(pid_file "$1")" || return 1
  [[ $boot == "$(boot_id)" ]] || return 1
  now=$(process_start "$pid") || return 1
  [[ $now == "$start" ]] || return 1
  printf '%s' "$pid"
}

is_running() { pid_of "$1" >/dev/null; }

# running_names: the names of all processes that run, in the order in which they are to be stopped: the server last.
running_names() {
  local file name
  for file in "$RESMON_HOME"/run/*.pid; do
    [[ -e $file ]] || continue
    name=${file##*/}
    name=${name%.pid}
    [[ $name != server ]] || continue
    printf '%s\n' "$name"
  done
  [[ ! -e $(pid_file server) ]] || printf 'server\n'
}

# close_descriptors: in a child, everything but the standard three: a lock or a pipe of the caller's must not outlive it.
close_descriptors() {
  local path descriptor
  for path in "/proc/$BASHPID/fd/"*; do
    descriptor=${path##*/}
    if [[ $descriptor =~ ^[0-9]+$ ]] && ((descriptor > 2)); then
      exec {descriptor}>&-
    fi
  done
}

# spawn NAME OUTPUT COMMAND…: starts COMMAND in a session of its own, writes its pid file, the pid stays in $!.
spawn() {
  local name=$1 output=$2 pid start
  shift 2
  (
    umask 077
    cd -- "$RESMON_HOME" || exit 1
    close_descriptors
    exec setsid -- "$@"
  ) </dev/null >>"$output" 2>&1 &
  pid=$!
  start=$(process_start "$pid") || return 0 # gone already; the caller's wait finds out why
  printf '%s %s %s\n' "$pid" "$start" "$(boot_id)" | write_private "$(pid_file "$name")"
}

# stop_process NAME SECONDS: asks, waits, then insists. Done when nothing of that name runs any more.
stop_process() {
  local name=$1 grace=$2 pid start deadline
  local -a fields
  if ! pid=$(pid_of "$name"); then
    rm -f -- "$(pid_file "$name")"
    return 0
  fi
  start=$(process_start "$pid") || start=
  kill -TERM "$pid" 2>/dev/null || is_gone "$pid" "$start" ||
    die failed "cannot stop $name (pid $pid): it belongs to another user" "run the command as that user, or with sudo"
  deadline=$((SECONDS + grace))
  until is_gone "$pid" "$start"; do
    if ((SECONDS > deadline)); then
      warn "$name (pid $pid) did not stop within $grace s; ending it"
      read -r -a fields <<<"$(process_stat "$pid" || true)"
      if [[ ${fields[2]-} == "$pid" ]]; then kill -KILL -- "-$pid" || true; else kill -KILL "$pid" || true; fi
      deadline=$((SECONDS + 5))
      until is_gone "$pid" "$start"; do
        ((SECONDS <= deadline)) || die failed "$name (pid $pid) cannot be ended: it waits inside the kernel"
        sleep 0.1
      done
      break
    fi
    sleep 0.05
  done
  rm -f -- "$(pid_file "$name")"
}

# is_gone PID START: whether that very process has ended.
is_gone() {
  local now
  now=$(process_start "$1") || return 0
  [[ $now != "$2" ]]
}

# take_lock SECONDS: one up, down or configure at a time; says for whom it waits.
take_lock() {
  local holder=
  make_home
  (umask 077 && : >>"$RESMON_HOME/run/lock")
  exec {lock_descriptor}<>"$RESMON_HOME/run/lock"
  if ! flock -n "$lock_descriptor"; then
    read -r holder <"$RESMON_HOME/run/lock" || true
    say "waiting for another resmon command that is at work${holder:+ ($(printable "$holder"))}…"
    flock -w "$1" "$lock_descriptor" ||
      die failed "another resmon command is at work${holder:+: $(printable "$holder")}" "let it finish, or stop it with Ctrl-C"
  fi
  printf '%s, pid %s\n' "${subcommand:-resmon}" "$$" >"$RESMON_HOME/run/lock"
}
