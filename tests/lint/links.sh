#!/usr/bin/env bash
# Every relative link of a document leads to a file that is there, and to a heading of it where the link names one.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/lint/lib/files.bash
source tests/lint/lib/files.bash

# anchors FILE: of its headings, as GitHub makes them: lower case, punctuation left out, spaces to hyphens.
anchors() {
  awk '/^```/ { code = !code } !code && /^#+ / { sub(/^#+ +/, ""); print tolower($0) }' "$1" |
    sed -E 's/\[([^]]*)\]\([^)]*\)/\1/g; s/[^[:alnum:] _-]//g; s/ /-/g'
}

# links FILE: what stands in its links and pictures, one a line; not in blocks of code.
links() {
  awk '/^ *```/ { code = !code } !code' "$1" | sed -E "s/\`[^\`]*\`//g" | grep -oE '\]\([^) ]+' | cut -c 3- || true
}

status=0 count=0
while IFS= read -r -d '' file; do
  while IFS= read -r link; do
    [[ $link != *://* && $link != mailto:* ]] || continue
    count=$((count + 1))
    path=${link%%#*}
    target=$file
    [[ -z $path ]] || target=$(dirname -- "$file")/$path
    if [[ ! -e $target ]]; then
      printf '%s: %s does not exist\n' "$file" "$link"
      status=1
    elif [[ $link == *'#'* ]] && ! anchors "$target" | grep -qxF -- "${link#*#}"; then
      printf '%s: %s has no such heading\n' "$file" "$link"
      status=1
    fi
  done < <(links "$file")
done < <(repository_files | grep -zE '\.md$')
printf '%d links looked at\n' "$count"
exit "$status"
