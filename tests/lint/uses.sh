#!/usr/bin/env bash
# A script that calls a library's function has that library: it, or a library that it uses, says `use LIBRARY`. Bash would notice only
# when the line runs. Functions with a plain word for a name are passed over, since that word is also said in other places.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

awk '
  FNR == 1 {
    library = FILENAME ~ /^automation\/lib\// ? FILENAME : ""
    gsub(/^.*\/|\.sh$/, "", library)
    files[FILENAME] = library
    ends = ""
  }
  # Texts in the script, which call nothing.
  ends != "" { if ($0 ~ "^[\t]*" ends "$") ends = ""; next }
  match($0, /<<-?\047?[A-Z]+/) { ends = substr($0, RSTART, RLENGTH); gsub(/[^A-Z]/, "", ends) }
  /^[ \t]*#/ { next }
  match($0, /^[a-z]+_[a-z_]+\(\)/) {
    name = substr($0, 1, RLENGTH - 2)
    defined[FILENAME, name]
    if (library != "") owner[name] = name in owner ? owner[name] " " library : library
  }
  $1 == "use" { for (i = 2; i <= NF; i++) uses[FILENAME] = uses[FILENAME] " " $i }
  {
    line = $0
    while (match(line, /(^|[ (;!])[a-z]+_[a-z_]+/)) {
      word = substr(line, RSTART, RLENGTH)
      after = substr(line, RSTART + RLENGTH, 1)
      gsub(/^[^a-z]/, "", word)
      line = substr(line, RSTART + RLENGTH)
      if (after == "" || after == " " || after == ")" || after == ";") said[FILENAME, word] = FNR
    }
  }
  function has(file, wanted, seen,    list, i, n) {
    if (file in seen) return 0
    seen[file]
    n = split(uses[file], list, " ")
    for (i = 1; i <= n; i++)
      if (index(" " wanted " ", " " list[i] " ") || has("automation/lib/" list[i] ".sh", wanted, seen)) return 1
    return 0
  }
  END {
    for (key in said) {
      split(key, of, SUBSEP)
      if (!(of[2] in owner) || (of[1], of[2]) in defined) continue
      if (index(" " owner[of[2]] " ", " common ")) continue
      split("", seen)
      if (has(of[1], owner[of[2]], seen)) continue
      printf "%s:%d: %s is in %s, which it does not use\n", of[1], said[key], of[2], owner[of[2]] | "sort"
      bad = 1
    }
    close("sort")
    exit bad
  }
' automation/*.sh automation/lib/*.sh bench/*.sh
