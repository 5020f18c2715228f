#!/usr/bin/env bash
# Every subcommand says in one line what it does, and its --help has examples and exit codes.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
problems=0
for file in automation/*.sh; do
  name=${file##*/}
  name=${name%.sh}
  text=$(./resmon "$name" --help)
  for part in Usage: Examples: 'Exit codes:' "./resmon $name"; do
    [[ $name == help && $part == './resmon help' ]] || grep -qF -- "$part" <<<"$text" || {
      printf '%s --help has no "%s"\n' "$name" "$part"
      problems=$((problems + 1))
    }
  done
  [[ $(head -n 1 "$file") =~ ^'# '[A-Z] ]] || {
    printf '%s does not begin with its summary\n' "$file"
    problems=$((problems + 1))
  }
done
((problems == 0))
