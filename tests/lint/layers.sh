#!/usr/bin/env bash
# layers.sh [ROOT]: no file includes a library that its CMakeLists.txt does not depend on.
#
# Static libraries link whatever order they find, so an include that nobody declared would work until the day it makes a circle. The
# declared edges are resmon_library(NAME DEPS …) and resmon_program(NAME DEPS …); what a library may include is itself and all
# that is reachable along them. Tests may also use TEST_DEPS. A circle among the declared edges is an error too. Within a library a
# file in one of its FOLDERS includes none of those that are named after it.
set -euo pipefail
root=${1:-$(dirname -- "${BASH_SOURCE[0]}")/../..}
cd -- "$root"

declare -A direct=() test_direct=() is_library=()
problems=0
problem() {
  printf '%s\n' "$*"
  problems=$((problems + 1))
}

# declared FILE FUNCTION KEYWORD: the words after KEYWORD in the call of FUNCTION in FILE.
declared() {
  awk -v call="$2" -v keyword="$3" '
    { sub(/#.*/, ""); text = text " " $0 }
    END {
      if (!match(text, call "[ \t]*\\(")) exit
      text = substr(text, RSTART + RLENGTH)
      sub(/\).*/, "", text)
      count = split(text, word, /[ \t]+/)
      for (i = 1; i <= count; i++) {
        if (word[i] ~ /^(DEPS|LINK|TEST_DEPS|FOLDERS|READS_SOURCES)$/) on = (word[i] == keyword)
        else if (on && word[i] != "") print word[i]
      }
    }' "$1" | tr '\n' ' '
}

# reach KNOWN NAME…: all libraries reachable from NAMEs, themselves included.
reach() {
  local -A seen=()
  local -a queue=("$@")
  local name
  while ((${#queue[@]})); do
    name=${queue[0]}
    queue=("${queue[@]:1}")
    [[ -z ${seen[$name]-} ]] || continue
    seen[$name]=yes
    # shellcheck disable=SC2206 # names of libraries, split on purpose
    queue+=(${direct[$name]-})
  done
  printf ' %s' "${!seen[@]}"
  printf ' '
}

# check_file FILE ALLOWED OWNER
check_file() {
  local line number library
  while IFS=: read -r number line; do
    [[ $line =~ \#[[:space:]]*include[[:space:]]*\"([a-z_0-9]+)/ ]] || continue
    library=${BASH_REMATCH[1]}
    [[ -n ${is_library[$library]-} ]] || continue
    [[ $2 == *" $library "* ]] || problem "$1:$number: $3 includes $library/, which its DEPS do not reach"
  done < <(grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' -- "$1")
}

# check_folders NAME FOLDER…: in the order in which they are declared.
check_folders() {
  local name=$1 folder file line number
  local later
  shift
  for folder in "$@"; do
    later=" ${*} "
    later=${later#*" $folder "}
    for file in "lib/$name/$folder"/*.{h,cc}; do
      [[ -e $file && $file != *_test.cc ]] || continue
      while IFS=: read -r number line; do
        [[ $line =~ \"$name/([a-z_0-9]+)/ && " $later" == *" ${BASH_REMATCH[1]} "* ]] || continue
        problem "$file:$number: $folder/ includes ${BASH_REMATCH[1]}/, which comes after it in FOLDERS"
      done < <(grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' -- "$file")
    done
  done
}

for file in lib/*/CMakeLists.txt; do
  [[ -e $file ]] || continue
  name=${file#lib/}
  name=${name%/CMakeLists.txt}
  is_library[$name]=yes
  direct[$name]=$(declared "$file" resmon_library DEPS)
  test_direct[$name]=$(declared "$file" resmon_library TEST_DEPS)
done
((${#is_library[@]} > 0)) || {
  printf 'no library was found under %s/lib\n' "$root"
  exit 1
}

for name in "${!is_library[@]}"; do
  # shellcheck disable=SC2086 # names of libraries, split on purpose
  below=$(reach ${direct[$name]})
  [[ $below != *" $name "* ]] || problem "lib/$name/CMakeLists.txt: $name depends on itself in a circle"
  # shellcheck disable=SC2086 # names of libraries, split on purpose
  test_below=$(reach ${direct[$name]} ${test_direct[$name]})
  for dependency in ${direct[$name]} ${test_direct[$name]}; do
    [[ -n ${is_library[$dependency]-} ]] || problem "lib/$name/CMakeLists.txt: there is no library $dependency"
  done
  # shellcheck disable=SC2046 # names of folders, split on purpose
  check_folders "$name" $(declared "lib/$name/CMakeLists.txt" resmon_library FOLDERS)
  for file in "lib/$name"/*.{h,cc} "lib/$name"/*/*.{h,cc}; do
    [[ -e $file ]] || continue
    if [[ $file == *_test.* || $file == *test_support.h || ${file##*/} == test_* ]]; then
      check_file "$file" "$test_below $name " "the test"
    else
      check_file "$file" "$below $name " "$name"
    fi
  done
done

for file in app/*/CMakeLists.txt; do
  [[ -e $file ]] || continue
  # shellcheck disable=SC2046 # names of libraries, split on purpose
  allowed=$(reach $(declared "$file" resmon_program DEPS))
  for source in "${file%/*}"/*.h "${file%/*}"/*.cc; do
    [[ ! -e $source ]] || check_file "$source" "$allowed" "${file%/CMakeLists.txt}"
  done
done

printf '%d libraries, %d problems\n' "${#is_library[@]}" "$problems"
((problems == 0))
