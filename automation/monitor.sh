# Shows machines live in the terminal
# shellcheck shell=bash
use process config http house

usage() {
  cat <<'TEXT'
Usage: ./resmon monitor [all|HOST] [OPTION]…

Shows a live table of all machines in the terminal, or one machine's CPUs,
memory, file systems, network and processes. q or Ctrl-C ends it.

Options:
  --interval N   seconds between two updates; default 2
  --sort COLUMN  cpu, memory, disk, load, host or state; default cpu
  --once         print once, as plain text
  -h, --help     this text

Exit codes: 0 done, 1 failed (such as: no such machine), 2 usage, 4 the server
  does not answer

Examples:
  ./resmon monitor
  ./resmon monitor web1 --interval 1
  ./resmon monitor all --sort memory --once
TEXT
}

main() {
  local what='' interval=2 sort=cpu once='' url
  local -a arguments=()
  split_equals "$@"
  set -- "${arguments[@]}"
  while (($#)); do
    case $1 in
      --interval | --sort)
        need_value "$1" $#
        if [[ $1 == --interval ]]; then interval=$2; else sort=$2; fi
        shift
        ;;
      --once) once=yes ;;
      -*) unknown_argument "$1" ;;
      *)
        [[ -z $what ]] || unknown_argument "$1"
        what=$1
        ;;
    esac
    shift
  done
  what=${what:-all}
  check_number --interval "$interval" 1 3600
  [[ $sort =~ ^(cpu|memory|disk|load|host|state)$ ]] || die usage "--sort is one of cpu, memory, disk, load, host, state"
  url=$(server_url)
  http_get "$url/readyz" "$(token_file)" >/dev/null 2>&1 ||
    die connection "no server answers at $url" "'./resmon up' or './resmon start server' starts it"
  if [[ -n $once || ! -t 1 ]]; then
    columns=${COLUMNS:-100} lines=100000
    frame plain
    return
  fi
  live
}

# frame plain|colour: one look, in `columns` and `lines`.
frame() {
  if [[ $what == all ]]; then frame_all "$1"; else frame_host "$1"; fi
}

live() {
  local key=''
  trap 'restore_screen' EXIT
  trap 'exit 0' INT TERM
  tput smcup 2>/dev/null || true
  tput civis 2>/dev/null || true
  while :; do
    columns=$(tput cols) lines=$(tput lines)
    # Drawn in one piece over what is there: nothing flickers.
    text=$(frame colour 2>&1) || text="${text:-the server does not answer}"
    printf '%s%s' "$(tput cup 0 0)" "$(awk -v clear="$(tput el)" -v most="$lines" 'NR < most { print $0 clear }' <<<"$text")"
    tput ed 2>/dev/null || true
    read -r -s -n 1 -t "$interval" key || true
    [[ $key != [qQ] ]] || exit 0
    key=
  done
}

restore_screen() {
  tput cnorm 2>/dev/null || true
  tput rmcup 2>/dev/null || true
}

# The answer is one object a host; its members are taken apart by awk, token by token, so that a name with quotes stays a name.
hosts_as_rows() {
  # shellcheck disable=SC2016 # awk's own fields
  LC_ALL=C awk '
    function text_of(token) {
      token = substr(token, 2, length(token) - 2)
      gsub(/\\u00[01][0-9a-f]|[[:cntrl:]]|\t/, "?", token)
      gsub(/\\["\\\/]/, "&", token); gsub(/\\\\/, "\001", token); gsub(/\\/, "", token); gsub(/\001/, "\\", token)
      return token
    }
    BEGIN { RS = "\\{\"host\":"; OFS = "\t" }
    NR == 1 { next }
    {
      rest = "\"host\":" $0; key = ""; depth = 0
      for (name in value) delete value[name]
      while (match(rest, /"([^"\\]|\\.)*"|[{}]|,|:|[^{}",: \t\n\r\[\]]+/)) {
        token = substr(rest, RSTART, RLENGTH); rest = substr(rest, RSTART + RLENGTH)
        if (token == "{") { depth++; group = key; key = "" }
        else if (token == "}") { if (--depth < 0) break; group = "" }
        else if (token == ",") key = ""
        else if (token == ":") { key = last; last = "" }
        else if (key != "") { if (group != "tags" && !((key) in value)) value[key] = token ~ /^"/ ? text_of(token) : token; last = "" }
        else last = text_of(token)
      }
      print value["host"], value["state"], value["cpu_percent"], value["memory_percent"], value["disk_percent"], value["load1"], \
        value["network_receive_bytes_per_second"], value["network_send_bytes_per_second"], value["last_seen_seconds"], \
        value["backlog_samples"], value["dropped_samples"]
    }'
}

frame_all() {
  local column order=rn answer
  answer=$(http_get "$url/api/v1/hosts" "$(token_file)" 2>/dev/null) || {
    printf 'the server does not answer at %s\n' "$url"
    return "$(exit_code connection)"
  }
  case $sort in
    host) column=1 order=V ;;
    state) column=2 order='' ;;
    cpu) column=3 ;;
    memory) column=4 ;;
    disk) column=5 ;;
    load) column=6 ;;
  esac
  # shellcheck disable=SC2016 # awk's own fields
  hosts_as_rows <<<"$answer" | LC_ALL=C sort -t $'\t' -k "$column,$column$order" -k 1,1V |
    LC_ALL=C awk -F '\t' -v colour="$1" -v columns="$columns" -v lines="$lines" -v url="$url" -v now="$(date +%H:%M:%S)" '
      function paint(code, text) { return colour == "colour" ? "\033[" code "m" text "\033[0m" : text }
      function percent(value, width,    text) {
        if (value == "" || value == "null") return sprintf("%" width "s", "-")
        text = sprintf("%" width ".1f", value)
        return value >= 90 ? paint(31, text) : value >= 70 ? paint(33, text) : text
      }
      function bytes(value) {
        if (value == "" || value == "null") return "-"
        if (value >= 1e9) return sprintf("%.1f GB", value / 1e9)
        if (value >= 1e6) return sprintf("%.1f MB", value / 1e6)
        if (value >= 1e3) return sprintf("%.1f kB", value / 1e3)
        return sprintf("%d B", value)
      }
      function ago(seconds) { return seconds < 120 ? sprintf("%d s", seconds) : seconds < 7200 ? sprintf("%d min", seconds / 60) : sprintf("%d h", seconds / 3600) }
      function bar(value, width,    i, text) {
        if (value == "null" || value == "") value = 0
        for (i = 1; i <= width; i++) text = text (i <= value * width / 100 + 0.5 ? "#" : ".")
        return value >= 90 ? paint(31, text) : value >= 70 ? paint(33, text) : paint(32, text)
      }
      { row[NR] = $0; if ($2 != "down") up++ }
      END {
        traffic = columns >= 97; wide = columns - (traffic ? 98 : 76); if (wide > 30) wide = 30
        printf "%s  %d machines, %d up   %s   %s\n\n", paint(1, "resmon"), NR, up, url, now
        print paint(1, sprintf("%-20s %-6s %6s%s %6s %6s %7s%s %8s %8s", "HOST", "STATE", "CPU %", (wide >= 8 ? sprintf(" %-" wide "s", "") : ""),
          "MEM %", "DISK %", "LOAD", (traffic ? sprintf(" %10s %10s", "IN/s", "OUT/s") : ""), "SEEN", "BACKLOG"))
        for (i = 1; i <= NR && i <= lines - 5; i++) {
          n = split(row[i], f, "\t")
          name = length(f[1]) > 20 ? substr(f[1], 1, 19) "~" : f[1]
          state = sprintf("%-6s", f[2])
          state = f[2] == "down" ? paint(31, state) : f[2] == "up" ? paint(32, state) : paint(33, state)
          printf "%-20s %s %s%s %s %s %7s%s %8s %8s\n", name, state, percent(f[3], 6), (wide >= 8 ? " " bar(f[3], wide) : ""),
            percent(f[4], 6), percent(f[5], 6), (f[6] == "null" ? "-" : sprintf("%.2f", f[6])),
            (traffic ? sprintf(" %10s %10s", bytes(f[7]), bytes(f[8])) : ""), ago(f[9]), f[10]
        }
        if (i <= NR) printf "%s\n", paint(2, "… and " NR - i + 1 " more")
      }'
}

# ask QUERY: InfluxQL, as CSV without its heading lines.
ask() {
  http_post_query "$url/query" "$1" | LC_ALL=C awk -F , '$1 != "name" && NF > 2'
}

# quoted TEXT: as an InfluxQL string.
quoted() {
  local text=${1//\\/\\\\}
  printf "'%s'" "${text//\'/\\\'}"
}

frame_host() {
  local host answer
  host=$(quoted "$what")
  answer=$(
    set -o pipefail
    {
      ask "SELECT 100 - last(usage_idle), last(usage_user), last(usage_system), last(usage_iowait) FROM cpu WHERE host = $host AND time > now() - 5m GROUP BY cpu" | sed 's/^/cpu,/'
      ask "SELECT last(used_percent), last(total), last(available) FROM mem WHERE host = $host AND time > now() - 5m" | sed 's/^/mem,/'
      ask "SELECT last(used_percent), last(total), last(free) FROM disk WHERE host = $host AND time > now() - 30m GROUP BY path" | sed 's/^/disk,/'
      ask "SELECT non_negative_derivative(last(bytes_recv), 1s), non_negative_derivative(last(bytes_sent), 1s) FROM net WHERE host = $host AND time > now() - 1m GROUP BY time(10s), interface fill(none)" | sed 's/^/net,/'
      ask "SELECT last(load1), last(load5), last(load15), last(n_users), last(uptime_format) FROM system WHERE host = $host AND time > now() - 5m" | sed 's/^/system,/'
      ask "SELECT last(total), last(running), last(blocked), last(zombies), last(total_threads) FROM processes WHERE host = $host AND time > now() - 5m" | sed 's/^/processes,/'
      ask "SELECT last(cpu_usage), last(memory_rss) FROM procstat WHERE host = $host AND time > now() - 1m GROUP BY process_name" | LC_ALL=C sort -t , -k 4,4rn -k 5,5rn | sed 's/^/procstat,/'
    }
  ) || {
    printf 'the server does not answer at %s\n' "$url"
    return "$(exit_code connection)"
  }
  [[ -n $answer ]] || {
    printf "no data of %s in the last 5 minutes; './resmon status' lists the hosts\n" "$(printable "$what")"
    return 1
  }
  # shellcheck disable=SC2016 # awk's own fields
  LC_ALL=C awk -F , -v colour="$1" -v columns="$columns" -v host="$(printable "$what")" -v now="$(date +%H:%M:%S)" '
    function paint(code, text) { return colour == "colour" ? "\033[" code "m" text "\033[0m" : text }
    function bar(value, width,    i, text) {
      for (i = 1; i <= width; i++) text = text (i <= value * width / 100 + 0.5 ? "#" : ".")
      return value >= 90 ? paint(31, text) : value >= 70 ? paint(33, text) : paint(32, text)
    }
    function bytes(value) {
      return value >= 1e12 ? sprintf("%.1f TB", value / 1e12) : value >= 1e9 ? sprintf("%.1f GB", value / 1e9) : \
        value >= 1e6 ? sprintf("%.1f MB", value / 1e6) : value >= 1e3 ? sprintf("%.1f kB", value / 1e3) : sprintf("%d B", value)
    }
    function tag(text) { sub(/^[^=]*=/, "", text); gsub(/"/, "", text); gsub(/[[:cntrl:]]/, "?", text); return text }
    function section(title) { out = out sprintf("\n%s\n", paint(1, title)) }
    BEGIN { width = columns - 60; if (width > 40) width = 40; if (width < 10) width = 10 }
    # KIND,name,tags,time,values…
    $1 == "cpu" { name = tag($3); cpu[name] = $5; line[name] = sprintf("user %5.1f  system %5.1f  iowait %5.1f", $6, $7, $8); if (!(name in seen)) { seen[name] = 1; order[++cpus] = name } }
    $1 == "mem" { memory = $5; total = $6; available = $7 }
    $1 == "disk" { disk[++disks] = sprintf("  %-24s %6.1f %% %s  %s of %s free\n", substr(tag($3), 1, 24), $5, bar($5, width), bytes($7), bytes($6)) }
    $1 == "net" { if (!($3 in into)) interface[++interfaces] = $3; into[$3] = $5; from[$3] = $6 }
    $1 == "system" { gsub(/"/, "", $9); load = $5 "  " $6 "  " $7; users = $8; up = $9; for (i = 10; i <= NF; i++) up = up "," $i; gsub(/"/, "", up) }
    $1 == "processes" { processes = sprintf("%d, running %d, blocked %d, zombies %d, threads %d", $5, $6, $7, $8, $9) }
    $1 == "procstat" && tag($3) != "other" && programs < 5 { program[++programs] = sprintf("  %-24s %6.1f %%  %10s\n", substr(tag($3), 1, 24), $5, bytes($6)) }
    END {
      printf "%s   load %s   up %s   users %d   %s\n", paint(1, host), load, up, users, now
      section("CPU")
      for (i = 1; i <= cpus; i++) out = out sprintf("  %-10s %6.1f %% %s  %s\n", order[i], cpu[order[i]], bar(cpu[order[i]], width), line[order[i]])
      section("Memory")
      out = out sprintf("  %-10s %6.1f %% %s  %s of %s available\n", "used", memory, bar(memory, width), bytes(available), bytes(total))
      section("File systems")
      for (i = 1; i <= disks; i++) out = out disk[i]
      section("Network, a second")
      for (i = 1; i <= interfaces; i++) out = out sprintf("  %-24s in %10s  out %10s\n", substr(tag(interface[i]), 1, 24), bytes(into[interface[i]]), bytes(from[interface[i]]))
      section("Processes")
      out = out "  " processes "\n"
      if (programs) section("Uses most (100 % is one core)")
      for (i = 1; i <= programs; i++) out = out program[i]
      printf "%s", out
    }' <<<"$answer"
}
