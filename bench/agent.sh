#!/usr/bin/env bash
# CPU per gather, memory and wire bytes of the client beside the kernel floor and other agents
#
# One run: a scratch server with TLS, two real clients (all default collectors; all but processes) that send to it at a 1 s pace,
# two floors (bench-floor) at other phases of the second, and each other agent that is installed. Groups take turns, floors run
# always (agent_meter.cc says why), and each client is compared with the floor of the same window. Then those that read every process
# again, beside 3,000 idle ones, and the cost of 100 control groups (agent_crowd.cc).
set -euo pipefail

RESMON_ROOT=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")/..")
export RESMON_ROOT
# shellcheck source=automation/lib/common.sh
source "$RESMON_ROOT/automation/lib/common.sh"
use process packages build ports http
subcommand='bench agent'

usage() {
  cat <<'TEXT'
Usage: ./resmon bench agent [--json] [OPTION]…

CPU time per gather, memory and wire bytes of resmon-client, connected with TLS and sending at a 1 s pace, against the kernel
floor: a loop that reads the same files and looks at none. collectd, node_exporter, netdata (its proc.plugin alone, and with
apps.plugin) and atop are measured where installed. Then again beside many processes, and the cost of control groups.

Options:
  --json           figures for programs instead of a table
  --seconds N      measured for each client and agent, in windows of up to 10 s; default 60
  --install        install the other agents with apt first; their services are neither started nor left enabled
  --no-peers       leave the other agents out
  --processes N    idle processes for the second measurement; default 3000, 0 leaves it out
  --groups N       control groups like Docker's, which need root; default 100, 0 leaves them out
  --no-wire        leave out the bytes on the wire, of real and simulated clients (three minutes)
  --instructions   count the client's own instructions per gather, too (needs valgrind)
  --keep           keep the scratch directory and say where it is
  -h, --help       this text

Exit codes: 0 done, 1 failed, 2 usage
TEXT
}

# The goals of docs/benchmarks.md.
readonly GOAL_FLOOR_RATIO=1.3 GOAL_RSS_BYTES=6291456 GOAL_PSS_BYTES=3670016 GOAL_WIRE_BYTES=1.0
readonly GOAL_VALUES=60 GOAL_GROUPS_MICROSECONDS=2000 GOAL_HARDWARE_MICROSECONDS=100
# The collectors of devices.
readonly HARDWARE='mdstat|bond|wireless|zfs|btrfs|rapl|edac|smart|temp|sensors|gpu|battery'
readonly BIN=$RESMON_BUILD_DIR/bin

declare -A pids=()
scratch=
keep=

main() {
  local json='' seconds=60 install='' peers=yes wire=yes instructions='' processes=3000 groups=100
  local -a arguments=()
  split_equals "$@"
  set -- "${arguments[@]}"
  while (($#)); do
    case $1 in
      --json) json=yes ;;
      --seconds)
        need_value "$1" $#
        check_number "$1" "$2" 2 86400
        seconds=$2
        shift
        ;;
      --processes | --groups)
        need_value "$1" $#
        check_number "$1" "$2" 0 100000
        if [[ $1 == --processes ]]; then processes=$2; else groups=$2; fi
        shift
        ;;
      --install) install=yes ;;
      --no-peers) peers= ;;
      --no-wire) wire= ;;
      --instructions) instructions=yes ;;
      --keep) keep=yes ;;
      *) unknown_argument "$1" ;;
    esac
    shift
  done
  make_home
  [[ -z $install ]] || install_peers
  have openssl || die failed "openssl is not there, and the scratch server needs a certificate" "apt-get install openssl"
  [[ -z $instructions ]] || have valgrind || die failed "valgrind is not there" "apt-get install valgrind"
  build_programs
  scratch=$(mktemp -d "${TMPDIR:-/tmp}/resmon-bench-agent.XXXXXX")
  trap 'clean_up' EXIT
  trap 'exit 1' INT TERM HUP

  start_server
  start_client client
  # From a copy, or each would seem to use half of the pages of the program that they share.
  cp -- "$BIN/resmon-client" "$scratch/resmon-client"
  client=$scratch/resmon-client start_client client-without-processes --set collector.processes.enabled=false \
    --set collector.procstat.enabled=false
  run floor "$BIN/bench-floor" --ticks 0 --phase 333
  run floor-with-processes "$BIN/bench-floor" --ticks 0 --phase 667 --processes
  [[ -z $peers ]] || start_peers
  wait_for_clients
  check_files

  measure "$seconds" "$scratch/alone" floor floor-with-processes client client-without-processes collectd node-exporter \
    netdata-proc netdata-apps atop
  exporter_samples >"$scratch/samples.json"
  ((processes == 0)) || measure_beside_processes "$processes" "$seconds"
  count_values
  ((groups == 0)) || measure_groups "$groups"
  [[ -z $instructions ]] || count_instructions
  : >"$scratch/wire.json"
  if [[ -n $wire ]]; then
    say "wire bytes of the real client…"
    measure_wire client
    measure_wire client-without-processes
    measure_profiles
  fi
  report >"$scratch/report.json"
  [[ -z ${RESMON_BENCH_FIGURES-} ]] || cp "$scratch/report.json" "$RESMON_BENCH_FIGURES"
  if [[ -n $json ]]; then cat "$scratch/report.json"; else show <"$scratch/report.json"; fi
}

# install_peers: and their services stay off, now (apt_install.sh) and at the next boot; those that were there stay as they were.
install_peers() {
  local unit
  local -a new=() run=(systemctl)
  for unit in collectd prometheus-node-exporter netdata; do
    have "$unit" || [[ -x /usr/sbin/$unit ]] || new+=("$unit.service")
  done
  have atop || new+=(atop.service atopacct.service atop-rotate.timer)
  install_packages bench-peers
  [[ -d /run/systemd/system ]] && ((${#new[@]})) || return 0
  ((EUID == 0)) || run=(sudo -n systemctl)
  "${run[@]}" disable --now "${new[@]}" || warn "could not disable ${new[*]}: they start at the next boot"
}

build_programs() {
  if [[ -z ${RESMON_NO_BUILD-} ]]; then
    build release "$RESMON_BUILD_DIR" "$RESMON_HOME/log/build.log" resmon-server resmon-client resmon-load bench-floor \
      agent-meter agent-crowd bench-gather || die failed "the benchmark is not built"
  fi
  [[ -x $BIN/bench-floor && -x $BIN/agent-meter ]] || die failed "$BIN/bench-floor is not there" "build with RESMON_BENCH=ON"
}

# run NAME COMMAND…: in the background, its output in the scratch directory.
run() {
  local name=$1
  shift
  "$@" </dev/null >"$scratch/$name.out" 2>"$scratch/$name.log" &
  pids[$name]=$!
}

clean_up() {
  local name pid status=$?
  trap - EXIT
  for name in "${!pids[@]}"; do
    pid=${pids[$name]}
    kill -CONT "$pid" 2>/dev/null || true
    kill -TERM "$pid" 2>/dev/null || true
  done
  for name in "${!pids[@]}"; do
    pid=${pids[$name]}
    timeout 8 tail --pid="$pid" -f /dev/null || kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  if [[ -n $keep ]]; then say "kept: $scratch"; else rm -rf -- "$scratch"; fi
  exit "$status"
}

# free_port: sets `port` to one that nobody listens on.
free_port() {
  while true; do
    port=$((20000 + RANDOM % 10000))
    port_taken "$port" || return 0
  done
}

start_server() {
  local port tcp i
  free_port
  tcp=$port
  free_port
  http_port=$port tcp_port=$tcp
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$scratch/key.pem" -out "$scratch/certificate.pem" \
    2>"$scratch/openssl.log" || die failed "no certificate was made" "$(<"$scratch/openssl.log")"
  run server "$BIN/resmon-server" --set listen.address="127.0.0.1:$tcp_port" --set http.address="127.0.0.1:$http_port" \
    --set listen.tls=true --set tls.certificate_file="$scratch/certificate.pem" --set tls.key_file="$scratch/key.pem" \
    --set store.directory="$scratch/store" --set auth.token_file="$scratch/token"
  for ((i = 0; i < 100; i++)); do
    ! curl --silent --fail --max-time 1 --noproxy '*' "http://127.0.0.1:$http_port/readyz" >/dev/null || return 0
    sleep 0.1
  done
  tail_of "$scratch/server.log"
  die failed "the scratch server did not start"
}

# start_client NAME OPTION…
start_client() {
  local name=$1
  shift
  run "$name" "${client:-$BIN/resmon-client}" --server "127.0.0.1:$tcp_port" --token-file "$scratch/token" --host "$name" --interval 1s \
    --set tls.enabled=true --set tls.ca_file="$scratch/certificate.pem" --set spool.directory="$scratch/spool-$name" "$@"
}

# metric NAME: a counter of the server.
metric() {
  curl --silent --fail --max-time 5 --noproxy '*' "http://127.0.0.1:$http_port/metrics" | awk -v name="$1" '$1 == name { print $2 }'
}

wait_for_clients() {
  local i
  for ((i = 0; i < 100; i++)); do
    if [[ $(grep -l ' connected ' "$scratch"/client*.log 2>/dev/null | wc -l) == 2 ]]; then
      sleep 6 # the first gathers open, list and declare, and give back what only start-up needed
      return 0
    fi
    sleep 0.1
  done
  tail_of "$scratch/client.log"
  die failed "the clients did not connect"
}

# check_files: the floor is one only as long as it reads what the client reads.
check_files() {
  local differ
  differ=$(comm -3 \
    <(find "/proc/${pids[client]}/fd" -type l -printf '%l\n' | grep -E '^/proc/' | grep -vE '^/proc(/[0-9]+/.*)?$' | sort -u) \
    <("$BIN/bench-floor" --list | while read -r file; do
      file=${file/#\/proc\/net\//\/proc\/${pids[client]}\/net\/}
      [[ ! -e $file ]] || printf '%s\n' "$file"
    done | grep -vE '^/proc/[0-9]+/' | sort -u))
  [[ -z $differ ]] || die failed "the floor and the client do not read the same files:" "${differ//$'\t'/floor only: }"
}

# start_peers: those that are installed, each as its own project has it for all the machine's basic figures at 1 s.
start_peers() {
  local port
  if have collectd; then
    free_port # it sends there by UDP, to nobody
    cat >"$scratch/collectd.conf" <<CONF
BaseDir "$scratch"
PIDFile "$scratch/collectd.pid"
Interval 1
$(printf 'LoadPlugin %s\n' cpu memory swap df disk interface load processes protocols tcpconns uptime users entropy logfile network)
<Plugin cpu>
  ReportByCpu true
  ValuesPercentage true
</Plugin>
<Plugin tcpconns>
  AllPortsSummary true
</Plugin>
<Plugin logfile>
  LogLevel err
  File stderr
</Plugin>
<Plugin network>
  Server "127.0.0.1" "$port"
</Plugin>
CONF
    run collectd collectd -f -C "$scratch/collectd.conf"
  fi
  if have prometheus-node-exporter; then
    free_port
    exporter_port=$port
    run node-exporter prometheus-node-exporter --web.listen-address="127.0.0.1:$exporter_port"
  fi
  start_netdata netdata-proc no
  start_netdata netdata-apps yes
  # As its service records, without the kernel's accounting of ended processes: that costs all programs of the machine.
  if have atop; then run atop env ATOPACCT= atop -w "$scratch/atop.raw" 1; fi
  wait_for_apps
}

# wait_for_apps: netdata starts its apps.plugin some time after itself.
wait_for_apps() {
  local i
  [[ -n ${pids["netdata-apps"]-} ]] || return 0
  for ((i = 0; i < 120; i++)); do
    ! pgrep --parent "${pids["netdata-apps"]}" --exact apps.plugin >/dev/null || return 0
    kill -0 "${pids["netdata-apps"]}" 2>/dev/null || return 0 # said later
    sleep 0.5
  done
  warn "netdata does not start its apps.plugin: netdata-apps is without it"
}

# start_netdata NAME APPS: its proc.plugin, with apps.plugin or alone, keeping nothing: what it costs to read, not to store, show and
# watch.
start_netdata() {
  local netdata folder=$scratch/$1
  netdata=$(command -v netdata || true)
  [[ -n $netdata || ! -x /usr/sbin/netdata ]] || netdata=/usr/sbin/netdata
  [[ -n $netdata ]] || return 0
  mkdir -p -- "$folder/"{cache,lib,log,conf}
  cat >"$folder/netdata.conf" <<CONF
[global]
  run as user = $(id -un)
[directories]
  config = $folder/conf
  cache = $folder/cache
  lib = $folder/lib
  log = $folder/log
[db]
  mode = none
  update every = 1
[web]
  mode = none
[health]
  enabled = no
[ml]
  enabled = no
[statsd]
  enabled = no
[logs]
  access = none
[plugins]
  enable running new plugins = no
  proc = yes
  apps = $2
  timex = no
  idlejitter = no
  netdata monitoring = no
  netdata monitoring extended = no
  profile = no
  tc = no
  diskspace = no
  cgroups = no
  statsd = no
[plugin:apps]
  update every = 1
CONF
  run "$1" "$netdata" -D -c "$folder/netdata.conf"
}

# family PID: it and all that it started and these started: "12+34".
family() {
  local child
  printf '%s' "$1"
  while read -r child; do
    printf '+'
    family "$child"
  done < <(ps -o pid= --ppid "$1" | tr -d ' ')
}

# measure SECONDS FOLDER NAME…: CPU time in windows, then memory, of those that run.
measure() {
  local seconds=$1 folder=$2 window windows name
  local -a subjects=() options=()
  local -A groups=(["floor"]="" ["floor-with-processes"]="" ["client"]=":1-client" ["client-without-processes"]=":2-without-processes")
  shift 2
  mkdir -p -- "$folder"
  window=$((seconds < 10 ? seconds : 10))
  windows=$(((seconds + window - 1) / window))
  for name; do
    [[ -n ${pids[$name]-} ]] || continue
    if kill -0 "${pids[$name]}" 2>/dev/null; then
      subjects+=("$name=$(family "${pids[$name]}")${groups[$name]-:3-peers}")
      [[ $name != node-exporter ]] || options=(--scrape "node-exporter=$exporter_port")
    else
      tail_of "$scratch/$name.log"
      warn "$name ended at once and is left out"
      unset "pids[$name]"
    fi
  done
  say "measuring for $((windows * (window + 2) * $(printf '%s\n' "${subjects[@]}" | grep -o ':.*' | sort -u | wc -l))) s and some more…"
  "$BIN/agent-meter" --windows "$windows" --seconds "$window" "${options[@]}" "${subjects[@]}" >"$folder/windows.json"
  for name; do
    [[ -z ${pids[$name]-} ]] || memory_of "$name"
  done >"$folder/memory.json"
}

# memory_of NAME: RSS and PSS now, as the kernel sums them, of the program and all that it started.
memory_of() {
  local -a files
  IFS=+ read -r -a files <<<"$(family "${pids[$1]}")"
  files=("${files[@]/#//proc/}")
  awk -v name="$1" '/^Rss:/ { rss += $2 } /^Pss:/ { pss += $2 }
    END { printf "{\"name\":\"%s\",\"rss_bytes\":%d,\"pss_bytes\":%d}\n", name, rss * 1024, pss * 1024 }' \
    "${files[@]/%//smaps_rollup}"
}

# start_crowd OPTION…: idle processes or control groups, until they are there.
start_crowd() {
  local i
  run crowd "$BIN/agent-crowd" "$@"
  for ((i = 0; i < 600; i++)); do
    [[ ! -s $scratch/crowd.out ]] || return 0
    kill -0 "${pids[crowd]}" 2>/dev/null || break
    sleep 0.1
  done
  unset 'pids[crowd]'
  tail_of "$scratch/crowd.log"
  return 1
}

stop_crowd() {
  kill -TERM "${pids[crowd]}"
  wait "${pids[crowd]}" || true
  unset 'pids[crowd]'
  rm -f -- "$scratch/crowd.out"
}

# measure_beside_processes COUNT SECONDS: those that read every process.
measure_beside_processes() {
  say "starting $1 processes…"
  start_crowd --processes "$1" || die failed "the processes were not started"
  sleep 10 # each opens or reads them for the first time
  measure "$2" "$scratch/crowd" floor-with-processes client collectd netdata-apps atop
  jq -cn --argjson processes "$(ps -e --no-headers | wc -l)" '{processes: $processes}' >"$scratch/crowd/about.json"
  stop_crowd
}

# measure_groups COUNT: CPU time of the collector of control groups alone.
measure_groups() {
  if ! start_crowd --groups "$1"; then
    warn "no control groups: that figure is left out"
    return 0
  fi
  say "gathering $1 control groups…"
  "$BIN/bench-gather" --only cgroups --gathers 120 | jq -c --argjson groups "$1" '. + {groups: $groups}' >"$scratch/groups.json"
  stop_crowd
}

# ask QUERY: the rows of the server's first series, as JSON.
ask() {
  curl --silent --fail --max-time 10 --noproxy '*' --get --data-urlencode "q=$1" "http://127.0.0.1:$http_port/query?db=resmon&epoch=s" |
    jq -c '.results[0].series[0].values // []'
}

# count_values: how many values procstat's rows of one gather had at most, and what a gather's share of the devices' collectors took.
count_values() {
  jq -cn --argjson values "$(ask "SELECT count(*) FROM procstat WHERE host = 'client' GROUP BY time(1s) fill(none)")" \
    --argjson seconds "$(ask "SELECT sum(duration_seconds) FROM internal_collector WHERE host = 'client' AND collector =~ /^($HARDWARE)\$/")" \
    --argjson gathers "$(ask "SELECT count(backlog_samples) FROM internal_client WHERE host = 'client'")" '
    {process_values_per_gather: ($values | map(.[1:] | map(. // 0) | add) | max),
     hardware_microseconds_per_gather: (($seconds[0][1] // 0) * 1e6 / $gathers[0][1])}' >"$scratch/values.json"
}

# exporter_samples: what node_exporter says at once.
exporter_samples() {
  [[ -n ${pids["node-exporter"]-} ]] || return 0
  curl --silent --max-time 5 --noproxy '*' "http://127.0.0.1:$exporter_port/metrics" |
    awk '!/^#/ { n++ } END { printf "{\"name\":\"node-exporter\",\"samples_per_gather\":%d}\n", n }'
}

# wire_over NAME SECONDS GATHERS-A-SECOND: what the server received meanwhile, as one JSON object.
wire_over() {
  local bytes samples
  bytes=$(metric resmon_received_bytes_total) samples=$(metric resmon_samples_total)
  sleep "$2"
  bytes=$(($(metric resmon_received_bytes_total) - bytes)) samples=$(($(metric resmon_samples_total) - samples))
  ((samples > 0)) || die failed "the server received no sample of $1"
  jq -cn --arg name "$1" --argjson bytes "$bytes" --argjson samples "$samples" --argjson gathers $(($2 * $3)) \
    '{name: $name, samples_per_gather: ($samples / $gathers | round), wire_bytes_per_sample: ($bytes / $samples)}'
}

# measure_wire NAME: one client, all others stopped.
measure_wire() {
  local name
  for name in "${!pids[@]}"; do
    [[ $name == server || $name == "$1" ]] || kill -STOP "${pids[$name]}"
  done
  sleep 3
  wire_over "$1" 30 1 >>"$scratch/wire.json"
  for name in "${!pids[@]}"; do kill -CONT "${pids[$name]}"; done
}

# measure_profiles: ten clients of each of resmon-load's profiles, all else stopped.
measure_profiles() {
  local profile name
  for name in "${!pids[@]}"; do
    [[ $name == server ]] || kill -STOP "${pids[$name]}"
  done
  for profile in idle normal busy; do
    say "wire bytes of ten simulated clients, $profile…"
    run load "$BIN/resmon-load" --set load.servers="127.0.0.1:$tcp_port" --set load.token_file="$scratch/token" \
      --set load.clients=10 --set load.interval=1s --set load.profile="$profile" --set load.name_prefix="$profile-" \
      --set tls.enabled=true --set tls.ca_file="$scratch/certificate.pem"
    sleep 6
    wire_over "load-$profile" 24 10 >>"$scratch/wire.json"
    kill -TERM "${pids[load]}"
    wait "${pids[load]}" || true
    unset 'pids[load]'
  done
}

# count_instructions: those of a hundred gathers more, divided by a hundred; collectors and encoder only, without the kernel's.
count_instructions() {
  local few many
  say "counting instructions…"
  few=$(instructions_of 20)
  many=$(instructions_of 120)
  jq -cn --argjson n "$(((many - few) / 100))" '{instructions_per_gather: $n}' >"$scratch/instructions.json"
}

instructions_of() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$BIN/bench-gather" --gathers "$1" 2>&1 >/dev/null |
    awk '/Collected/ { print $NF }'
}

report() {
  jq -n --slurpfile windows "$scratch/alone/windows.json" --slurpfile memory "$scratch/alone/memory.json" \
    --slurpfile beside_windows <(cat "$scratch/crowd/windows.json" 2>/dev/null || true) \
    --slurpfile beside_memory <(cat "$scratch/crowd/memory.json" 2>/dev/null || true) \
    --slurpfile beside <(cat "$scratch/crowd/about.json" 2>/dev/null || true) \
    --slurpfile groups <(cat "$scratch/groups.json" 2>/dev/null || true) --slurpfile values "$scratch/values.json" \
    --slurpfile samples <(cat "$scratch"/samples.json "$scratch"/wire.json) \
    --slurpfile instructions <(cat "$scratch/instructions.json" 2>/dev/null || true) \
    --arg machine "$(nproc) × $(awk -F ': ' '/^model name/ { print $2; exit }' /proc/cpuinfo), Linux $(uname -r)" \
    --arg load "$(cut -d ' ' -f 1-3 /proc/loadavg)" --arg date "$(date --utc +%F)" \
    --argjson ratio_goal $GOAL_FLOOR_RATIO --argjson rss_goal $GOAL_RSS_BYTES --argjson pss_goal $GOAL_PSS_BYTES \
    --argjson wire_goal $GOAL_WIRE_BYTES --argjson values_goal $GOAL_VALUES \
    --argjson groups_goal $GOAL_GROUPS_MICROSECONDS --argjson hardware_goal $GOAL_HARDWARE_MICROSECONDS '
    def median: sort | if length == 0 then null elif length % 2 == 1 then .[length / 2 | floor]
      else (.[length / 2 - 1] + .[length / 2]) / 2 end;
    def rounded(n): if . == null then null else . * n | round / n end;
    # Those that read PID/stat.
    def floor_of: if IN("client", "collectd", "netdata-apps", "atop") then "floor-with-processes" else "floor" end;
    def programs($windows; $memory; $samples): ($memory | map({(.name): .}) | add) as $memory
      | ["floor", "floor-with-processes", "client-without-processes", "client", "netdata-proc", "netdata-apps", "node-exporter",
         "collectd", "atop"][] as $name
      | [$windows[] | select(.cpu_nanoseconds[$name] != null)] | select(length > 0)
      | {name: $name,
         cpu_milliseconds_per_gather: (map(.cpu_nanoseconds[$name] / .seconds / 1e6) | median | rounded(10000)),
         floor_ratio: (if $name | startswith("floor") then null
           else map(.cpu_nanoseconds[$name] / .cpu_nanoseconds[$name | floor_of]) | median | rounded(100) end),
         rss_bytes: $memory[$name].rss_bytes, pss_bytes: $memory[$name].pss_bytes,
         samples_per_gather: $samples[$name].samples_per_gather};
    (($samples | map({(.name): .}) | add) // {}) as $samples
    | {date: $date, machine: $machine, load_average: $load,
       windows: {count: ($windows | length), seconds: $windows[0].seconds},
       goals: {floor_ratio: $ratio_goal, rss_bytes: $rss_goal, pss_bytes: $pss_goal, wire_bytes_per_sample: $wire_goal,
         process_values_per_gather: $values_goal, groups_cpu_microseconds_per_gather: $groups_goal,
         hardware_microseconds_per_gather: $hardware_goal},
       programs: [programs($windows; $memory; $samples)],
       beside_processes: (if $beside == [] then null
         else {processes: $beside[0].processes, programs: [programs($beside_windows; $beside_memory; {})]} end),
       groups: (if $groups == [] then null
         else {groups: $groups[0].groups, cpu_microseconds_per_gather: ($groups[0].cpu_microseconds_per_gather | rounded(1))} end),
       process_values_per_gather: $values[0].process_values_per_gather,
       hardware_microseconds_per_gather: ($values[0].hardware_microseconds_per_gather | rounded(10)),
       wire: [$samples[] | select(.wire_bytes_per_sample != null)
         | {name, wire_bytes_per_sample: (.wire_bytes_per_sample | rounded(1000))}],
       instructions_per_gather: $instructions[0].instructions_per_gather}'
}

# show: the report as a table.
show() {
  jq -r '
    def cell(n): if . == null then "–" else tostring end | if length < n then " " * (n - length) + . else . end;
    def fixed(digits): if . == null then null else (. * pow(10; digits) | round) as $n
      | ($n / pow(10; digits) | floor | tostring) + "." + (("000" + ($n % pow(10; digits) | tostring))[-digits:]) end;
    def verdict(goal): if . == null then "" elif . <= goal then "  met" else "  MISSED" end;
    def rows: .[] | (.name + " " * (26 - (.name | length))) + (.cpu_milliseconds_per_gather | fixed(3) | cell(14))
      + (.floor_ratio | fixed(2) | cell(9)) + (.rss_bytes / 1048576 | fixed(2) | cell(10))
      + (.pss_bytes / 1048576 | fixed(2) | cell(10)) + (.samples_per_gather | cell(9));
    "\(.machine); load \(.load_average); \(.windows.count) windows of \(.windows.seconds) s, medians",
    "",
    "program                    CPU ms/gather  × floor   RSS MiB   PSS MiB  samples",
    (.programs | rows),
    (.beside_processes | select(. != null) | "", "beside \(.processes) processes", (.programs | rows)),
    "",
    (.goals as $goals | .programs[] | select(.name | startswith("client"))
      | "goal: \(.name) at most \($goals.floor_ratio) × its floor: \(.floor_ratio)\(.floor_ratio | verdict($goals.floor_ratio))"),
    (.goals as $goals | .programs[] | select(.name == "client")
      | "goal: RSS at most \($goals.rss_bytes / 1048576) MiB: \(.rss_bytes / 1048576 | fixed(2))\(.rss_bytes | verdict($goals.rss_bytes))",
        "goal: PSS at most \($goals.pss_bytes / 1048576) MiB: \(.pss_bytes / 1048576 | fixed(2))\(.pss_bytes | verdict($goals.pss_bytes))"),
    (.goals as $goals | .beside_processes | select(. != null) | .processes as $processes | .programs[] | select(.name == "client")
      | "goal: client at most \($goals.floor_ratio) × its floor, \($processes) processes: \(.floor_ratio)\(.floor_ratio | verdict($goals.floor_ratio))"),
    (.goals as $goals | .groups | select(. != null)
      | "goal: \(.groups) control groups at most \($goals.groups_cpu_microseconds_per_gather) µs a gather: \(.cpu_microseconds_per_gather)\(.cpu_microseconds_per_gather | verdict($goals.groups_cpu_microseconds_per_gather))"),
    "goal: devices at most \(.goals.hardware_microseconds_per_gather) µs a gather: \(.hardware_microseconds_per_gather)\(.goals.hardware_microseconds_per_gather as $goal | .hardware_microseconds_per_gather | verdict($goal))",
    "goal: procstat at most \(.goals.process_values_per_gather) values a gather: \(.process_values_per_gather)\(.goals.process_values_per_gather as $goal | .process_values_per_gather | verdict($goal))",
    (.goals as $goals | .wire[]
      | "goal: wire at most \($goals.wire_bytes_per_sample) B per sample, \(.name): \(.wire_bytes_per_sample)\(.wire_bytes_per_sample | verdict($goals.wire_bytes_per_sample))"),
    (select(.instructions_per_gather != null) | "", "own instructions per gather: \(.instructions_per_gather)")'
}

if wants_help "$@"; then
  usage
  exit 0
fi
main "$@"
