# Shows, merges and filters the logs
# shellcheck shell=bash
use remote log_lines

usage() {
  cat <<'TEXT'
Usage: ./resmon logs [server|client|load|HOST]… [OPTION]…

Shows one of two sources, oldest line first:

1. The log lines that the server has stored, of all hosts or of the named ones:
   time LEVEL host unit[pid] message name=value…
   Without --since the newest 1000.
2. resmon's own log files, merged by time: for server, client and load, and if
   no server runs or it has no lines: time level component message key=value…
   HOST is then a machine where deploy installed resmon: its last lines are
   fetched over ssh and marked from=HOST. A host that does not answer is named.

Options:
  --level L     only lines of this level and above: debug, info, notice, warn,
                error, critical, alert, emergency. resmon's own log files have
                debug, info, warn and error: there notice shows warn and above,
                critical and above show error
  --since T     only later lines: 90s, 10m, 2h, 3d ago, or a time as date(1)
                reads it
  --source S    only stored lines of this source: the name of a [log.NAME], or
                several, comma-separated
  --grep RE     only lines that match this extended regular expression; case
                matters: --grep '[Tt]imeout'
  --follow, -f  show new lines as they arrive, until Ctrl-C
  --stats       counts in place of lines. Stored lines: by level, unit, source
                and host, and 30 bars over the range; without --since the last
                day. Log files: by level, component and host, and a bar for
                each minute: E error, W warn, # other levels
  --lines N     how many lines are fetched from each HOST; default 2000
  -h, --help    this text

Exit codes: 0 done, 1 there is no log yet, 2 usage

Examples:
  ./resmon logs --follow
  ./resmon logs server --level warn --since 1h
  ./resmon logs --grep 'host=web[0-9]+' --since '2026-11-22 17:00'
  ./resmon logs --stats --since 1d
  ./resmon logs server web1 web2 --level warn
TEXT
}

main() {
  local level='' since='' from='' pattern='' follow='' stats='' own='' sources='' fetch=2000
  local -a arguments=() programs=() files=() hosts=()
  split_equals "$@"
  set -- "${arguments[@]}"
  while (($#)); do
    case $1 in
      server | client) own=yes programs+=("$1") ;;
      load) own=yes programs+=(load simulate) ;;
      --level | --since | --grep | --lines | --source)
        need_value "$1" $#
        case $1 in
          --level) level=${2,,} ;;
          --since) since=$2 ;;
          --grep) pattern=$2 ;;
          --lines) fetch=$2 ;;
          --source) sources=$2 ;;
        esac
        shift
        ;;
      -f | --follow) follow=yes ;;
      --stats) stats=yes ;;
      -*) unknown_argument "$1" ;;
      *)
        valid_host "$1" || die usage "'$(printable "$1")' is neither server, client, load nor a host"
        hosts+=("$1")
        ;;
    esac
    shift
  done
  check_number --lines "$fetch" 1 1000000
  [[ ${level:=debug} != warning ]] || level=warn
  [[ $level =~ ^(debug|info|notice|warn|error|critical|alert|emergency)$ ]] ||
    die usage "--level is one of debug, info, notice, warn, error, critical, alert, emergency, not '$(printable "$level")'"
  [[ -z $follow || -z $stats ]] || die usage "--follow and --stats do not go together"
  if [[ -n $since ]]; then
    from=$(instant "$since") || die usage "--since: '$(printable "$since")' is not a time such as 90s, 10m, 2h, 3d or '2026-11-22 17:00'"
  fi
  # grep says 2 for a pattern it cannot read, 1 for no match.
  local status=0
  grep -E -e "$pattern" </dev/null >/dev/null 2>&1 || status=$?
  ((status < 2)) || die usage "--grep: '$(printable "$pattern")' is not an extended regular expression"

  if [[ -n $own ]] || ! server_has_lines; then
    [[ -z $sources ]] || die usage "--source is for lines that the server has stored; it has none of '$(printable "$sources")'"
    show_files
  elif [[ -n $stats ]]; then
    show_server_stats
  else
    show_server_lines
  fi
}

# show_files: resmon's own logs.
show_files() {
  [[ -z $follow || ${#hosts[@]} == 0 ]] || die usage "--follow is for this machine's logs: ssh HOST tail -F /var/log/resmon/client.log"
  ((${#programs[@]} + ${#hosts[@]})) || programs=(server client load simulate)
  local -A opened=()
  [[ -z $follow ]] || open_logs
  find_logs
  fetch_logs
  ((${#files[@]} + ${#opened[@]})) || die failed "there is no log under $RESMON_HOME/log yet" "'./resmon up' starts what writes one"
  if [[ -n $stats ]]; then
    in_order | select_lines "$level" "$from" | match "$pattern" | count
  else
    in_order | select_lines "$level" "$from" | match "$pattern" | shade
    [[ -z $follow ]] || new_lines | select_lines "$level" '' | match "$pattern" | shade
  fi
}

# instant T: T as the log writes times, in UTC.
instant() {
  if [[ $1 =~ ^([0-9]{1,9})([smhd])$ ]]; then
    local unit
    case ${BASH_REMATCH[2]} in s) unit=1 ;; m) unit=60 ;; h) unit=3600 ;; *) unit=86400 ;; esac
    date -u -d "@$(($(date +%s) - 10#${BASH_REMATCH[1]} * unit))" +%Y-%m-%dT%H:%M:%S.000Z
  else
    [[ -n $1 ]] && date -u -d "$1" +%Y-%m-%dT%H:%M:%S.%3NZ 2>/dev/null
  fi
}

# open_logs: sets `opened`, path to file descriptor, for the logs of `programs` that are written now. in_order reads to their end,
# and new_lines goes on from there, so that no line falls between the two.
open_logs() {
  local program path fd
  for program in "${programs[@]}"; do
    for path in "$RESMON_HOME/log/$program".{log,stderr}; do
      if [[ -z ${opened[$path]-} && -f $path ]] && { exec {fd}<"$path"; } 2>/dev/null; then opened[$path]=$fd; fi
    done
  done
}

# find_logs: sets `files` to the logs of `programs` that have anything in them, rotated ones (NAME.1.log, NAME.log.1) included, and
# without those that are opened, under whatever name they are now.
find_logs() {
  local program file fd
  for program in "${programs[@]}"; do
    for file in "$RESMON_HOME/log/$program".{log,stderr} "$RESMON_HOME/log/$program".{[0-9]*.log,log.[0-9]*}; do
      [[ -s $file ]] || continue
      for fd in "${opened[@]}"; do [[ ! $file -ef /dev/fd/$fd ]] || continue 2; done
      files+=("$file")
    done
  done
}

# fetch_logs: adds what the hosts say to `files`, every line marked; all hosts at once.
fetch_logs() {
  local i failed=0
  ((${#hosts[@]})) || return 0
  fetched=$(mktemp -d "${TMPDIR:-/tmp}/resmon-logs.XXXXXX")
  trap 'rm -rf -- "$fetched"' EXIT
  for i in "${!hosts[@]}"; do
    (host_verb "${hosts[i]}" client log "$fetch" 2>"$fetched/$i.error" |
      FROM=${hosts[i]} awk '{ print $0 " from=" ENVIRON["FROM"] }' >"$fetched/$i") &
  done
  wait
  for i in "${!hosts[@]}"; do
    if [[ -s $fetched/$i.error ]]; then
      warn "${hosts[i]}: $(printable "$(tail -n 1 "$fetched/$i.error")")"
      failed=$((failed + 1))
    fi
    [[ ! -s $fetched/$i ]] || files+=("$fetched/$i")
  done
  ((failed < ${#hosts[@]} || ${#programs[@]} > 0)) || die connection "no host answered"
}

# mawk reads a pipe by the block unless told otherwise; others refuse its option.
awk_by_line() {
  if awk -W version 2>&1 </dev/null | grep -q '^mawk'; then awk -W interactive "$@"; else awk "$@"; fi
}

# in_order: all lines by time. A line without a time (a crash's last words) stays behind the one before it in its file.
in_order() {
  local file
  {
    # A path as awk's argument may be taken for an assignment; standard input cannot.
    for file in "${!opened[@]}"; do by_time <&"${opened[$file]}"; done
    for file in "${files[@]}"; do by_time <"$file"; done
  } | LC_ALL=C sort -s -t $'\t' -k 1,1 | cut -f 2-
}

# by_time: before each line its time and a tab.
by_time() {
  LC_ALL=C awk -v OFS='\t' '
    { gsub(/[^[:print:]\t\200-\377]/, "?") }
    match($0, /[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9:.]+Z/) && RSTART <= 11 { time = substr($0, RSTART, RLENGTH) }
    { print (time == "" ? "0" : time), $0 }'
}

# new_lines: what is written from now on, and to the files that replace those that are opened. Ends with this shell even when only
# the shell is signalled.
new_lines() {
  local path fd line replaced position size
  local -A begun=() # of a line, by path
  while kill -0 "$$" 2>/dev/null; do
    open_logs
    for path in "${!opened[@]}"; do
      fd=${opened[$path]}
      replaced=''
      [[ $path -ef /dev/fd/$fd ]] || replaced=yes # what was written before that is still read
      while IFS= read -r line; do
        printf '%s\n' "${begun[$path]-}${line//[$'\001'-$'\010'$'\013'-$'\037'$'\177']/?}"
        begun[$path]=''
      done <&"$fd"
      begun[$path]=${begun[$path]-}$line
      read -r _ position <"/proc/$BASHPID/fdinfo/$fd"
      size=$(stat -L -c %s "/dev/fd/$fd")
      ((position <= size)) || replaced=yes # cut off
      [[ -z $replaced ]] || { exec {fd}<&- && unset 'opened[$path]' 'begun[$path]'; }
    done
    sleep 0.5
  done
}

# select_lines LEVEL SINCE: both kinds of line, text and JSON. A line that is neither goes with the one before it.
select_lines() {
  # shellcheck disable=SC2016 # awk's own fields
  LEAST=$1 SINCE=$2 awk_by_line '
    BEGIN {
      rank["DEBUG"] = 1; rank["INFO"] = 2; rank["NOTICE"] = rank["WARN"] = 3
      rank["ERROR"] = rank["CRITICAL"] = rank["ALERT"] = rank["EMERGENCY"] = 4
      least = rank[toupper(ENVIRON["LEAST"])]; since = ENVIRON["SINCE"]
      shown = (least == 1 && since == "")
    }
    /^[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T/ { shown = (rank[$2] >= least && (since == "" || $1 >= since)) }
    /^\{"time":"/ {
      split($0, part, "\"")
      shown = (rank[part[8]] >= least && (since == "" || part[4] >= since))
    }
    shown { print; fflush() }'
}

match() {
  if [[ -n $1 ]]; then grep -E --line-buffered -e "$1" || (($? == 1)); else cat; fi
}

# shade: levels in colour on a terminal.
shade() {
  if colours 1; then
    # shellcheck disable=SC2016 # awk's own fields
    awk_by_line '
      { code = ($2 == "ERROR" ? 31 : $2 == "WARN" ? 33 : $2 == "DEBUG" ? 2 : 0) }
      code { sub(/ (ERROR|WARN|DEBUG) /, "\033[" code "m&\033[0m") }
      { print; fflush() }'
  else
    cat
  fi
}

count() {
  local colour=no
  ! colours 1 || colour=yes
  # shellcheck disable=SC2016 # awk's own fields
  COLOUR=$colour awk '
    function repeat(sign, n,    text) { while (n-- > 0) text = text sign; return text }
    function paint(code, text) { return ENVIRON["COLOUR"] == "yes" && text != "" ? "\033[" code "m" text "\033[0m" : text }
    function show(title, names, count, of,    i, j, swap) {
      print title
      for (i = 1; i <= count; i++) for (j = i + 1; j <= count; j++)
        if (of[names[j]] > of[names[i]]) { swap = names[i]; names[i] = names[j]; names[j] = swap }
      for (i = 1; i <= count; i++) printf "  %-28s %8d  %5.1f %%\n", names[i], of[names[i]], 100 * of[names[i]] / total
    }
    /^\{"time":"/ { split($0, part, "\""); time = part[4]; level = part[8]; component = part[12] }
    /^[0-9]/ { time = $1; level = $2; component = $3 }
    !/^[0-9{]/ { next }
    {
      total++
      host = "this machine"
      if (match($0, / from=[^ ]*$/)) host = substr($0, RSTART + 6)
      if (!(level in levels)) level_names[++level_count] = level
      levels[level]++
      if (!(component in components)) component_names[++component_count] = component
      components[component]++
      if (!(host in hosts)) host_names[++host_count] = host
      hosts[host]++
      minute = substr(time, 1, 16)
      if (!(minute in minutes)) order[++minute_count] = minute
      if (++minutes[minute] > most) most = minutes[minute]
      if (level == "ERROR") errors[minute]++
      if (level == "WARN") warnings[minute]++
    }
    END {
      printf "%d lines\n", total
      if (!total) exit
      show("by level", level_names, level_count, levels)
      show("by component", component_names, component_count, components)
      if (host_count > 1 || !("this machine" in hosts)) show("by host", host_names, host_count, hosts)
      print "a minute (UTC)"
      first = minute_count > 60 ? minute_count - 59 : 1
      for (i = first; i <= minute_count; i++) {
        minute = order[i]
        whole = int(minutes[minute] * 50 / most + 0.5)
        if (whole < 1) whole = 1
        # What is rare must be seen: an error is at least one E.
        bad = int(errors[minute] * 50 / most + 0.999); poor = int(warnings[minute] * 50 / most + 0.999)
        rest = whole - bad - poor
        printf "  %s %6d %s%s%s\n", minute, minutes[minute], paint(31, repeat("E", bad)), paint(33, repeat("W", poor)), repeat("#", rest)
      }
    }'
}
