# resmon-smart: what it leaves of each disk, beside a smartctl that does not exist.

load helpers/common

setup() {
  export RESMON_SMARTCTL=$BATS_TEST_TMPDIR/smartctl
  answers=$BATS_TEST_TMPDIR/answers
  out=$BATS_TEST_TMPDIR/out
  mkdir -p "$answers"
  cat >"$RESMON_SMARTCTL" <<SCRIPT
#!/usr/bin/env bash
if [[ \$1 == --scan-open ]]; then
  cat "$answers/scan"
  exit 0
fi
[[ \$* == *"-n standby"* ]] || exit 1
name=\${*: -1}
name=\${name##*/}
cat "$answers/\$name.json"
exit "\$(cat "$answers/\$name.exit" 2>/dev/null || echo 0)"
SCRIPT
  chmod +x "$RESMON_SMARTCTL"
}

smart() {
  run "$BATS_TEST_DIRNAME/../../packaging/smart/resmon-smart" "$out"
}

@test "each disk has a file, whatever its health, and one that sleeps keeps its last" {
  printf '%s\n' '/dev/sda -d sat # /dev/sda [SAT], ATA device' '/dev/nvme0 -d nvme # /dev/nvme0, NVMe device' \
    '/dev/bus/0 -d megaraid,1 # RAID' '# nothing' >"$answers/scan"
  echo '{"smart_status":{"passed":false}}' >"$answers/sda.json"
  echo 24 >"$answers/sda.exit" # bits 3 and 4: it fails, which is an answer
  echo '{"nvme_smart_health_information_log":{}}' >"$answers/nvme0.json"
  echo '{"smart_status":{"passed":true}}' >"$answers/0.json"
  smart
  [ "$status" -eq 0 ]
  [ "$(ls "$out")" = $'0-megaraid-1.json\nnvme0.json\nsda.json' ]
  [ "$(stat -c %a "$out/sda.json")" = 640 ]

  echo '{"device":{"name":"/dev/sda"},"power_mode":"STANDBY"}' >"$answers/sda.json"
  echo 2 >"$answers/sda.exit"
  smart
  [ "$status" -eq 0 ]
  grep -q '"passed":false' "$out/sda.json"
  [ ! -e "$out/sda.json.new" ]
}

@test "without smartctl it says what to install" {
  export RESMON_SMARTCTL=/nowhere/smartctl
  smart
  [ "$status" -eq 1 ]
  [[ $output == *"apt-get install smartmontools"* ]]
}
