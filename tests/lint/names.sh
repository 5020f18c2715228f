#!/usr/bin/env bash
# The repository names nothing of the machine it was made on: not where it is checked out, not the user's home, not the hosts of the
# package registries that this machine is set up to use. All of these are found out here rather than listed.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/lint/lib/files.bash
source tests/lint/lib/files.bash

patterns=()
# A path of one component (/src, /root) is too common a word to look for.
for path in "$PWD" "$HOME"; do
  [[ $path != /*/* ]] || patterns+=("$path/")
done
shopt -s nullglob
sources=(/etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources)
[[ ! -r /etc/apt/sources.list ]] || sources+=(/etc/apt/sources.list)
while IFS= read -r host; do
  [[ -z $host || $host == localhost* ]] || patterns+=("$host")
done < <({
  ((${#sources[@]} == 0)) || grep -hoE 'https?://[^ ]+' -- "${sources[@]}" || true
  if command -v npm >/dev/null; then npm config get registry 2>/dev/null || true; fi
} | sed -nE 's#^https?://([^/@]*@)?([^/:]+).*#\2#p' | sort -u)

status=0
for pattern in "${patterns[@]}"; do
  if repository_files | xargs -0 -r grep -nIF -e "$pattern" --; then
    printf 'above: %s belongs to this machine\n' "$pattern"
    status=1
  fi
done
printf '%d names looked for\n' "${#patterns[@]}"
exit "$status"
