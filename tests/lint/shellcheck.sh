#!/usr/bin/env bash
# Every shell script in the repository passes shellcheck; the sourced ones are also read in place, through the entry.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/lint/lib/files.bash
source tests/lint/lib/files.bash
mapfile -d '' -t files < <(shell_files)
((${#files[@]} > 0))
printf 'shellcheck of %d files\n' "${#files[@]}"
shellcheck -- "${files[@]}"
# A directive before the first command would switch a rule off for the whole file.
awk '
  FNR == 1 { heading = 1 }
  heading && /^# shellcheck disable=/ { print FILENAME ": switches a rule off for all of it"; found = 1 }
  /^[ \t]*[^# \t]/ { heading = 0 }
  END { exit found }' "${files[@]}"
