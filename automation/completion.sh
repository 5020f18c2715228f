# Prints completion for a shell
# shellcheck shell=bash
use definitions

usage() {
  cat <<'TEXT'
Usage: ./resmon completion bash

Prints bash completion of subcommands, options and arguments, generated from
the --help texts. The Debian package and './resmon install' install it.

Exit codes: 0 done, 2 usage

Examples:
  source <(./resmon completion bash)
  ./resmon completion bash >~/.local/share/bash-completion/completions/resmon
TEXT
}

main() {
  [[ $# == 1 && $1 == bash ]] || die usage "for which shell? ./resmon completion bash"
  local name
  cat <<'TEXT'
# bash completion for resmon; made by: resmon completion bash
_resmon() {
  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} words=
  COMPREPLY=()
  local subcommand=${COMP_WORDS[1]}
  ((COMP_CWORD > 1)) || subcommand=
  case $subcommand in
TEXT
  printf "    '') words=%q ;;\n" "$(subcommand_names | tr '\n' ' ')--help --version"
  while read -r name; do
    printf '    %s) words=%q ;;\n' "$name" "$({
      words_of "$name"
      options_of "$name" | tr -d =
    } | tr '\n' ' ')"
  done < <(subcommand_names)
  cat <<'TEXT'
  esac
  case $previous in
    --*file | --file | --binary | --ssh-config) words= ;;
    --host) words=$(compgen -A hostname -- "$word") ;;
  esac
  if [[ -n $words ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
  fi
  [[ ${#COMPREPLY[@]} != 0 || $word == -* ]] || mapfile -t COMPREPLY < <(compgen -f -- "$word")
}
complete -o filenames -F _resmon resmon ./resmon
TEXT
}
