#!/usr/bin/env bash
# Every C++ file is formatted as .clang-format says. Skipped (77) where clang-format is not installed.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/lint/lib/files.bash
source tests/lint/lib/files.bash
command -v clang-format >/dev/null || exit 77
mapfile -d '' -t files < <(repository_files | grep -zE '\.(h|cc)$')
((${#files[@]} > 0))
printf 'clang-format of %d files\n' "${#files[@]}"
clang-format --dry-run --Werror -- "${files[@]}"
