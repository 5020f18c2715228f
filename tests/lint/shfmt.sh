#!/usr/bin/env bash
# Every shell script is formatted as shfmt -i 2 -ci formats it.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/lint/lib/files.bash
source tests/lint/lib/files.bash
mapfile -d '' -t files < <(shell_files)
((${#files[@]} > 0))
printf 'shfmt of %d files\n' "${#files[@]}"
shfmt -i 2 -ci -d -- "${files[@]}"
