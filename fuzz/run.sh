#!/usr/bin/env bash
# Usage: fuzz/run.sh BUILD/bin/NAME_fuzz
#
# Runs one fuzz target for RESMON_FUZZ_SECONDS (default 5) on corpus/NAME_fuzz and on what earlier runs found worth keeping, which
# stays in BUILD/fuzz/NAME_fuzz; an input that made it fail is put there, too.
set -euo pipefail

target=$1
name=${target##*/}
kept=${target%/*}/../fuzz/$name
mkdir -p -- "$kept/corpus"
corpora=("$kept/corpus")
shipped=${BASH_SOURCE[0]%/*}/corpus/$name
[[ ! -d $shipped ]] || corpora+=("$shipped")

printf '%s on %s\n' "$target" "${corpora[*]}"
began=$SECONDS status=0
"$target" -max_total_time="${RESMON_FUZZ_SECONDS:-5}" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
  -artifact_prefix="$kept/" "${corpora[@]}" >"$kept/log" 2>&1 || status=$?
if ((status)); then
  cat -- "$kept/log"
  exit "$status"
fi
awk -v name="$name" -v seconds=$((SECONDS - began)) '
  $1 == "stat::number_of_executed_units:" { tried = $2 }
  END { printf "# summary: %s: %d inputs in %d s\n", name, tried, seconds; exit tried == 0 }' "$kept/log"
