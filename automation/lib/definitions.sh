# What a subcommand takes, read from its own --help: completion and the manual pages come from there, so that the three cannot differ.
# shellcheck shell=bash

subcommand_names() {
  local file
  for file in "$RESMON_ROOT"/automation/*.sh; do
    file=${file##*/}
    printf '%s\n' "${file%.sh}"
  done
}

# help_of NAME: its --help, as plain text.
help_of() { NO_COLOR=1 "$RESMON_ROOT/resmon" "$1" --help; }

# options_of NAME: every option that its help explains, one a line, with = where it takes a value.
options_of() {
  help_of "$1" | awk '
    /^  +-/ {
      line = $0
      while (match(line, /(^|[ ,])--?[a-z][a-z-]*( [A-Z]+[A-Z:=,\[\]…]*)?/)) {
        word = substr(line, RSTART, RLENGTH); rest = substr(line, RSTART + RLENGTH)
        sub(/^[ ,]+/, "", word)
        if (sub(/ .*/, "", word)) word = word "="
        if (!(word in seen)) { seen[word] = 1; print word }
        line = rest
        if (line !~ /^, /) break
      }
    }'
}

# words_of NAME: the words that may stand in the place of arguments, from its first usage lines.
words_of() {
  [[ $1 != help ]] || {
    subcommand_names
    return 0
  }
  help_of "$1" | sed -n '1,/^$/p' | awk '{
    sub(/^(Usage:)? *\.\/resmon [a-z]+/, "")
    gsub(/\[OPTION\]…?|--[a-z-]+( [A-Z]+)?|[A-Z][A-Z,:=]+…?/, " ")
    gsub(/[^a-z-]+/, " ")
    n = split($0, word, " ")
    for (i = 1; i <= n; i++) if (word[i] ~ /^[a-z][a-z-]+$/ && !(word[i] in seen)) { seen[word[i]] = 1; print word[i] }
  }'
}
